"""From what a user names (`markov`, a file, a folder) to a text."""

from __future__ import annotations

from collections.abc import Callable

from dartsl.data.named import OF_TEXT, locate, wrong_head
from dartsl.data.text import readers, source
from dartsl.data.text.corpus import Corpus
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.terms import Plan
from dartsl.lang.records.inputs import Tokens
from dartsl.lang.settings.values import SearchConfig, TrainConfig

TEXTS: dict[str, Callable[[str], Corpus]] = {"markov": source.read}
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip", ".gz")


def load_text(
    name_or_path: str, level: str, *, expect: int | None = None, parameter: str | None = None
) -> Corpus:
    """Read an embedded text by its name, or a file or folder, as words or characters (`level`).

    `expect` is the vocabulary of the network that will use it, and `parameter` that of the network which sets it,
    if there is one. Raises UserError where there is no such text, where it is damaged or empty, and where its
    vocabulary is not that.
    """
    corpus = _read(name_or_path, level)
    size = len(corpus.vocabulary)
    if expect is not None and size != expect:
        what = "different words" if level == "word" else "different characters"
        raise wrong_head(corpus.name, what, size, expect, parameter)
    return corpus


def text_of(plan: Plan, config: SearchConfig | TrainConfig) -> Corpus:
    """The text that the settings name, with the vocabulary that the network takes. Raises UserError."""
    parameter = plan.network.outputs_parameter
    return load_text(config.data, config.level, expect=plan.classes, parameter=parameter)


def test_words(name_or_path: str, level: str) -> list[str]:
    """The words (or characters) of the test text that a name means: of a folder its test file, a file as a whole.

    Raises UserError where there is none.
    """
    path = locate(name_or_path, Tokens)
    if path is None:
        corpus = TEXTS[name_or_path](level)
        return [corpus.vocabulary[number] for number in corpus.test.tolist()]
    words = readers.split(readers.read(readers.test_file(path) if path.is_dir() else path), level)
    if not words:
        raise UserError(f"{path}: the test text is empty", "is the file complete?")
    return words


def _read(name_or_path: str, level: str) -> Corpus:
    path = locate(name_or_path, Tokens)
    if path is None:
        return TEXTS[name_or_path](level)
    try:
        if path.is_dir():
            if readers.is_text_folder(path):
                return readers.read_folder(path, level)
            raise UserError(f"{path}: a folder without a text", f"give {OF_TEXT.formats}")
        if path.name.endswith(_ARCHIVES):
            raise UserError(f"{path}: an archive", "unpack it and name what it holds")
        return readers.read_file(path, level)
    except OSError as error:  # not allowed, or gone
        raise UserError(
            f"{name_or_path}: cannot be read ({error})", "check the path and its permissions"
        ) from None
