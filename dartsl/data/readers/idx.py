"""IDX files, the format of MNIST (Lecun, Cortes and Burges 1998) and of the sets made after it."""

from __future__ import annotations

import gzip
import struct
import zlib
from math import prod
from pathlib import Path

from dartsl.data.images import Array, ImageData, assemble
from dartsl.data.readers.bounded import read_exactly, require_plausible
from dartsl.lang.codes.diagnostics import UserError

_UNSIGNED_BYTE = 0x08
_MOST_AXES = 4


def find_file(folder: Path, part: str, kind: str) -> Path | None:
    """The file of `part` (train, t10k) and `kind` (images, labels), under any of its usual names."""
    axes = 3 if kind == "images" else 1
    for name in (f"{part}-{kind}-idx{axes}-ubyte", f"{part}-{kind}.idx{axes}-ubyte"):
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    return None


def read(folder: Path, name: str) -> ImageData:
    """Images (N, H, W, 1) of the four files train / t10k, images / labels, plain or gzipped."""
    parts = []
    for part in ("train", "t10k"):
        arrays = []
        for kind in ("images", "labels"):
            path = find_file(folder, part, kind)
            if path is None:
                axes = 3 if kind == "images" else 1
                raise UserError(
                    f"{folder}: no {part}-{kind}-idx{axes}-ubyte, plain or .gz",
                    "four files are needed: train and t10k, images and labels of each",
                )
            arrays.append(read_file(path))
        parts.append((arrays[0], arrays[1]))
    return assemble(name, parts[0], parts[1])


def read_file(path: Path) -> Array:
    """The array of unsigned bytes in one IDX file. Raises UserError on any other content."""
    packed = path.suffix == ".gz"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            start = file.read(4)
            if len(start) < 4 or start[:2] != b"\0\0":
                raise UserError(
                    f"{path}: not an IDX file",
                    "an IDX file starts with two zero bytes; is it another format?",
                )
            if start[2] != _UNSIGNED_BYTE:
                raise UserError(
                    f"{path}: its values are of type {start[2]:#x}, not unsigned bytes (0x8)",
                    "store it as uint8",
                )
            axes = start[3]
            if axes > _MOST_AXES:
                raise UserError(
                    f"{path}: an array of {axes} axes", "images have three: number, height, width"
                )
            sides = file.read(4 * axes)
            if len(sides) < 4 * axes:
                raise UserError(f"{path}: ends within its header", "is the file complete?")
            shape = struct.unpack(f">{axes}I", sides)
            what = f"says {'x'.join(map(str, shape))} values"
            stored = path.stat().st_size - (0 if packed else 4 + 4 * axes)
            require_plausible(path, what, prod(shape), stored, packed=packed)
            return read_exactly(file, prod(shape), path, what).reshape(shape)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({error})", "is the file complete?") from None
