"""Paths that an operating system may refuse: NUL bytes, links in a circle, names that are too long."""

from __future__ import annotations

import errno
from pathlib import Path


def resolved(path: Path) -> Path:
    """`path.resolve()`, with OSError as the one exception for a path that cannot be."""
    try:
        return path.resolve()
    except RuntimeError as error:  # links in a circle, before Python 3.13
        raise OSError(errno.ELOOP, "symbolic links run in a circle") from error
    except ValueError as error:  # a NUL byte, or a character that no name on a disk has
        raise OSError(errno.EINVAL, str(error)) from error


def reason(error: Exception) -> str:
    """Why a path was refused, in words."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
