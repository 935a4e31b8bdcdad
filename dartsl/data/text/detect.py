"""From what a user names (`markov`, a file, a folder) to a text."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from dartsl.data.text import readers, source
from dartsl.data.text.corpus import Corpus
from dartsl.lang.diagnostics import UserError

TEXTS: dict[str, Callable[[str], Corpus]] = {"markov": source.read}
FORMATS = (
    "`markov`, a plain text file, or a folder with train.txt, valid.txt and test.txt "
    "(or the names of Penn Treebank or WikiText)"
)
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
        what = "words" if level == "word" else "characters"
        how = (
            f"let the embedding and the head have {size}"
            if parameter is None
            else f"--set {parameter}={size}"
        )
        raise UserError(
            f"{corpus.name}: a vocabulary of {size:,} {what}, but the network's has {expect:,}",
            f"{how}, or name another text by --data",
        )
    return corpus


def _read(name_or_path: str, level: str) -> Corpus:
    if not name_or_path:
        raise UserError("no text is named", f'name one by --data or `data = "..."`: {FORMATS}')
    if name_or_path in TEXTS:
        return TEXTS[name_or_path](level)
    path = Path(os.path.expanduser(name_or_path))
    try:
        if path.is_dir():
            if readers.is_text_folder(path):
                return readers.read_folder(path, level)
            raise UserError(f"{path}: a folder without a text", f"give {FORMATS}")
        if path.is_file():
            if path.name.endswith(_ARCHIVES):
                raise UserError(f"{path}: an archive", "unpack it and name what it holds")
            return readers.read_file(path, level)
    except OSError as error:  # not allowed, or a name too long
        raise UserError(
            f"{name_or_path}: cannot be read ({error})", "check the path and its permissions"
        ) from None
    if path.exists():
        raise UserError(f"{path}: neither a file nor a folder", f"give {FORMATS}")
    near = difflib.get_close_matches(name_or_path, TEXTS, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"give {FORMATS}"
    raise UserError(f"{name_or_path}: no such text, file or folder", hint)
