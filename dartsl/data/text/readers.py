"""Text files: a folder of three, under the usual names, or a single one that is split."""

from __future__ import annotations

from pathlib import Path

from dartsl.data.text.corpus import Corpus, assemble
from dartsl.lang.codes.diagnostics import UserError

END = "<eos>"
NAMES = (
    ("train.txt", "valid.txt", "test.txt"),
    ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"),
    ("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"),
    ("wiki.train.raw", "wiki.valid.raw", "wiki.test.raw"),
)
MOST_BYTES = 1 << 30  # of a file; its words take many times that in memory
SHARES = (90, 5)  # per cent of a single file that train and validate; the rest tests


def is_text_folder(folder: Path) -> bool:
    """Whether at least one of the three files lies in a folder."""
    return any((folder / name).is_file() for names in NAMES for name in names)


def test_file(folder: Path) -> Path:
    """The test file of a folder. Raises UserError where there is none."""
    for *_, name in NAMES:
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"{folder}: holds no test text", f"name it {NAMES[0][-1]}")


def read_folder(folder: Path, level: str) -> Corpus:
    """The three files of a folder. Raises UserError where one is missing or holds no text."""
    for names in NAMES:
        there = [name for name in names if (folder / name).is_file()]
        missing = [name for name in names if name not in there]
        if there and missing:
            raise UserError(
                f"{folder}: there is {there[0]}, but no {missing[0]}",
                "a text has three files, to train, validate and test: " + ", ".join(names),
            )
        if there:
            return assemble(
                folder.resolve().name, level, [split(read(folder / name), level) for name in names]
            )
    raise UserError(f"{folder}: holds none of the files of a text", "name them " + ", ".join(NAMES[0]))


def read_file(path: Path, level: str) -> Corpus:
    """One file: its first 90 % train, the next 5 % validate, the last 5 % test."""
    words = split(read(path), level)
    first, second = (len(words) * share // 100 for share in (SHARES[0], sum(SHARES)))
    return assemble(path.name, level, [words[:first], words[first:second], words[second:]])


def read(path: Path) -> str:
    """A UTF-8 file, its byte-order mark left out and its line ends made `\\n`. Raises UserError."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise UserError(
                f"{path}: {size:,} bytes, more than the {MOST_BYTES:,} of a text", "name a part of it"
            )
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror or error})", "check the path and its permissions"
        ) from None
    return decoded(content, str(path))


def decoded(content: bytes, name: str) -> str:
    """The text of a UTF-8 file, as `read` gives it; `name` is what a message calls it. Raises UserError."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{name}: is not UTF-8 text (byte {error.start})", "store it as plain text in UTF-8"
        ) from None
    if "\0" in text:
        raise UserError(f"{name}: holds zero bytes, so it is not a text", "name a plain text file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split(text: str, level: str) -> list[str]:
    """Characters, line ends among them; or the words of each line between blanks, and `<eos>` at its end."""
    if level == "char":
        return list(text)
    lines = text.removesuffix("\n").split("\n") if text else []
    return [word for line in lines for word in (*line.split(), END)]
