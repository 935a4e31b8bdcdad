"""Names that are odd: what an operating system may refuse, and what a terminal cannot print."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def resolved(path: Path) -> Path:
    """`path.resolve()`, with OSError as the one exception for a path that cannot be."""
    try:
        found = Path(os.path.realpath(path))
        circle = _in_a_circle(found)
    except ValueError as error:  # a NUL byte, or a character that no name on a disk has
        raise OSError(errno.EINVAL, str(error)) from error
    if circle:
        raise OSError(errno.ELOOP, "symbolic links run in a circle")
    return found


def _in_a_circle(path: Path) -> bool:
    """Whether symbolic links lead to each other. (`Path.resolve` raises for them before Python 3.13 alone.)"""
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def reason(error: Exception) -> str:
    """Why a path was refused, in words."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def printable(text: str) -> str:
    """A text with escapes for control characters, and for the bytes of a name that is not UTF-8."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def is_there(path: Path) -> bool:
    """Whether something of that name exists. Raises OSError where that cannot be seen.

    (`Path.exists` raises it before Python 3.14 alone.)
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def exists(path: Path) -> bool:
    """Whether something of that name exists; False for a name that nothing can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
