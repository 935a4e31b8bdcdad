"""The names of classes, as data sets keep them in files of their own."""

from __future__ import annotations

from pathlib import Path

from dartsl.data.readers.unpickle import read_pickle
from dartsl.lang.codes.diagnostics import UserError

_MOST = 1 << 20  # bytes of a file of names: CIFAR-100's has a thousand


def pickled_names(path: Path, key: str, count: int) -> tuple[str, ...]:
    """The list `key` of a pickle, as CIFAR's `batches.meta` and `meta` have it; empty where there is no file.

    Raises UserError where the file does not hold `count` names.
    """
    if not path.is_file():
        return ()
    found = read_pickle(path).get(key)
    names = [_text(name) for name in found] if isinstance(found, list) else []
    return _counted(path, names, count)


def listed_names(path: Path, count: int) -> tuple[str, ...]:
    """The lines of a text file, as CIFAR's `batches.meta.txt` has them; empty where there is no file.

    Raises UserError where the file does not hold `count` names.
    """
    if not path.is_file():
        return ()
    try:
        with path.open("rb") as file:
            text = file.read(_MOST).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})", "it names the classes, one per line") from None
    return _counted(path, [line.strip() for line in text.splitlines() if line.strip()], count)


def _counted(path: Path, names: list[str], count: int) -> tuple[str, ...]:
    if len(names) != count or not all(names):
        raise UserError(
            f"{path}: holds {len(names)} names of classes, not {count}",
            "unpack the archive again, or remove the file: classes are then called by their numbers",
        )
    return tuple(names)


def _text(name: object) -> str:
    """CIFAR's pickles are Python 2's: their strings are bytes here."""
    if isinstance(name, bytes):
        return name.decode("utf-8", "replace")
    return name if isinstance(name, str) else ""
