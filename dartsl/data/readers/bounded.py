"""Reading as many bytes as a header declares, and no more: memory is taken only for what a file can hold."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import numpy as np

from dartsl.data.images import Array
from dartsl.lang.codes.diagnostics import UserError

EXPANSION = 1032  # the most bytes that one byte of deflate, which gzip and zip use, can stand for
_CHUNK = 1 << 20


def require_plausible(path: Path, what: str, declared: int, stored: int, *, packed: bool) -> None:
    """Raise UserError where `declared` bytes cannot come from `stored` ones, or are more than the machine's memory.

    `packed` says that the stored bytes are compressed by deflate; `what` declares the size.
    """
    most = stored * EXPANSION if packed else stored
    if declared > most:
        held = f"cannot hold more than {most:,}" if packed else f"holds {stored:,}"
        raise UserError(f"{path}: {what} ({declared:,} bytes), but {held}", "is the file complete?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else declared
    if declared > memory:
        raise UserError(
            f"{path}: {what} ({declared:,} bytes), and this machine's memory is {memory:,}",
            "is the file damaged? large images are read as they are needed from a folder of class folders",
        )


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_exactly(file: Readable, count: int, path: Path, what: str) -> Array:
    """The `count` bytes that are left in a file, uint8 (count,). Raises UserError where they are more or fewer."""
    content = np.empty(count, dtype=np.uint8)
    done = 0
    while done < count and (chunk := file.read(min(_CHUNK, count - done))):
        content[done : done + len(chunk)] = np.frombuffer(chunk, dtype=np.uint8)
        done += len(chunk)
    if done < count:
        raise UserError(f"{path}: {what}, but holds {done:,} bytes", "is the file complete?")
    if file.read(1):  # this is also where zip and gzip compare their checksums
        raise UserError(f"{path}: {what}, but holds more", "is the file damaged?")
    return content
