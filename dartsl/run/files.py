"""Files that are either whole or not there, whenever the process dies."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.paths import reason

Row = dict[str, Any]
LONGEST = (
    40  # characters of a file's name that its temporary file has too: names may be no longer than they are
)
TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<process>[0-9]{1,9})\.tmp")  # what `write_bytes` writes first


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Create or replace a file: under a new name in the same folder, then by a rename.

    Raises UserError where the file cannot be written; an existing file is then as it was.
    """
    temporary = path.with_name(f".{path.name[:LONGEST]}.{os.getpid()}.tmp") if path.name else path
    with _explained("write", path):
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def require_folder(path: Path) -> None:
    """Raises UserError where there is no folder to write a file into: before long work of which nothing would stay."""
    with _explained("write", path):
        os.stat(os.path.join(path.parent, ""))  # with the separator, a file is none


def write_text(path: Path, text: str) -> None:
    """Create or replace a UTF-8 file with `\\n` line ends atomically. Raises UserError."""
    write_bytes(path, encoded(text))


def write_folder(path: Path, files: Mapping[str, str]) -> None:
    """Create a folder of UTF-8 files, which is there with all of them or not at all.

    Raises UserError where it cannot be written, or is there and not empty.
    """
    temporary = path.with_name(f".{path.name[:LONGEST]}.{os.getpid()}.tmp")
    with _explained("write", path):
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UserError(f"{path} exists and is not empty", "name another folder")
        try:
            temporary.mkdir(parents=True)
            for name, text in files.items():
                (temporary / name).write_bytes(encoded(text))
            if path.exists():
                path.rmdir()
            temporary.rename(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def encoded(text: str) -> bytes:
    """A text in UTF-8. A path that is not UTF-8 may stand in a comment of it: its odd bytes become escapes."""
    return text.encode("utf-8", "backslashreplace")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Create or replace a JSON file atomically. Raises UserError."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def sweep(folder: Path, owned: Collection[str]) -> None:
    """Remove what writers that were killed have left in a folder and those below it. Raises UserError.

    The caller alone writes the files of `owned` names; of others it is left what a process that lives may be at.
    """
    for path in files_below(folder):
        found = TEMPORARY.fullmatch(path.name)
        if found and (found["name"] in owned or not _lives(int(found["process"]))):
            with _explained("write", path):
                path.unlink(missing_ok=True)


def files_below(folder: Path) -> Iterator[Path]:
    """All that is not a folder, in a folder and those below it: links are not followed, also those to folders."""
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        yield from (Path(place) / name for name in (*names, *links))


def read_file(path: Path) -> bytes:
    """All that is in a regular file. Raises UserError for one that cannot be read.

    Anything else is refused unread: a pipe would be waited for, and a device may have no end.
    """
    with _explained("read", path), open(path, "rb", opener=_regular) as file:
        return file.read()


def parse_json(data: bytes | str) -> Any:
    """What a JSON text stands for. Raises ValueError for any other text, or one that is nested too deeply."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Add a line to a file of one JSON object per line, and see it on the disk. Raises UserError.

    A crash can leave half of the last line: `read_rows` passes over it and `write_rows` removes it.
    """
    with _explained("write", path), open(path, "ab") as file:
        file.write(json.dumps(row).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_rows(path: Path) -> list[Row]:
    """The objects of a file of one JSON object per line; a last line without its end is not one of them.

    Raises UserError for a file that cannot be read, or a whole line that is not a JSON object.
    """
    rows: list[Row] = []
    for number, line in enumerate(read_file(path).split(b"\n")[:-1], start=1):
        try:
            row = parse_json(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise UserError(f"line {number} of {path} is not a JSON object")
        rows.append(row)
    return rows


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Create or replace a file of rows atomically. Raises UserError."""
    write_bytes(path, b"".join(json.dumps(row).encode() + b"\n" for row in rows))


def _lives(process: int) -> bool:
    """Whether another process of this number is there, as far as this system knows."""
    if os.name != "posix" or process == 0:
        return True
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _regular(name: str, flags: int) -> int:
    """Open a regular file; without O_NONBLOCK the opening of a pipe would wait for its other end."""
    file = os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise OSError("it is not a regular file")


@contextmanager
def _explained(doing: str, path: Path) -> Iterator[None]:
    """Turn an operating system's refusal into a message for the user."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: no file can have this name
        raise UserError(f"cannot {doing} {path}: {reason(error)}") from error
    except MemoryError as error:
        raise UserError(f"cannot {doing} {path}: there is too little memory for it") from error
