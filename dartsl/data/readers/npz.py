"""A .npz file with x_train, y_train, x_test and y_test, as Keras and many others write them.

It is read member by member, not by numpy.load, which takes the memory that a header asks for before it looks at the
file's size.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dartsl.data.images import IMAGE, Array, Form, ImageData, assemble
from dartsl.data.readers.bounded import read_exactly, require_plausible
from dartsl.lang.codes.diagnostics import UserError

KEYS = ("x_train", "y_train", "x_test", "y_test")
NAMES = ("class_names", "label_names")
TARGETS = ("target_names",)
_HEADER = 1 << 16  # bytes within which a header ends
_ENCRYPTED = 0x1  # in a member's flags


class _Header(NamedTuple):
    """What an array says of itself, and how many bytes that takes."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    size: int


def read(path: Path, form: Form = IMAGE, numbers: bool = False) -> ImageData:
    """Images uint8 or float32 (N, H, W, C) or (N, H, W), or what else `form` says, and labels, integers (N,) or (N, 1).

    Names of classes, strings (classes,), are in `class_names` or `label_names`, if there are any. With `numbers`
    targets stand in the place of labels, (N,) or (N, T), and their names in `target_names`. Other arrays are ignored.

    Raises UserError.
    """
    with _opened(path) as archive:
        members = _members(path, archive)
        missing = [key for key in KEYS if key not in members]
        if missing:
            raise UserError(
                f"{path}: has no {', '.join(missing)} (it has {', '.join(members) or 'nothing'})",
                f"a data set needs the arrays {', '.join(KEYS)}",
            )
        named = [key for key in (TARGETS if numbers else NAMES) if key in members][:1]
        arrays = {key: _read_member(path, archive, members[key], key) for key in (*KEYS, *named)}
    train, test = ((arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("train", "test"))
    names = _class_names(path, arrays[named[0]] if named else None)
    return assemble(path.name, train, test, names=names, form=form, numbers=numbers)


def read_array(path: Path, keys: Sequence[str]) -> Array:
    """The first of the arrays `keys` that a file has. Raises UserError."""
    with _opened(path) as archive:
        members = _members(path, archive)
        found = [key for key in keys if key in members]
        if not found:
            has = ", ".join(members) or "nothing"
            raise UserError(f"{path}: has no array {' or '.join(keys)}", f"it has {has}")
        return _read_member(path, archive, members[found[0]], found[0])


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive. Raises UserError for what cannot be read in it."""
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            yield archive
    except UserError:
        raise
    except (
        Exception
    ) as error:  # a damaged archive may raise nearly anything: BadZipFile, struct.error, RuntimeError
        raise UserError(
            f"{path}: not a readable .npz file of plain arrays ({str(error) or type(error).__name__})",
            "is the file complete? write it with numpy.savez; arrays of objects are not read",
        ) from None


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The archive's arrays by their names. Raises UserError where two have one name."""
    found: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        key = member.filename.removesuffix(".npy")
        if key in found:
            raise UserError(f"{path}: holds {key} twice", "write the file again with numpy.savez")
        found[key] = member
    return found


def _read_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, key: str) -> Array:
    if member.flag_bits & _ENCRYPTED:
        raise UserError(f"{path}: {key} is encrypted", "write the file again with numpy.savez")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UserError(
            f"{path}: {key} is compressed by method {member.compress_type}, which numpy does not write",
            "write the file again with numpy.savez or numpy.savez_compressed",
        )
    header = _header(path, archive, member, key)
    count = prod(header.shape) * header.dtype.itemsize
    what = f"{key} says {'x'.join(map(str, header.shape)) or 'one'} values of {header.dtype}"
    stored = min(member.compress_size, path.stat().st_size)
    require_plausible(path, what, count, stored, packed=member.compress_type == zipfile.ZIP_DEFLATED)
    with archive.open(member) as file:
        file.read(header.size)
        content = read_exactly(file, count, path, what)
    return content.view(header.dtype).reshape(header.shape, order="F" if header.fortran else "C")


def _header(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, key: str) -> _Header:
    with archive.open(member) as file:
        start = io.BytesIO(file.read(_HEADER))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            version = np.lib.format.read_magic(start)
            if version == (1, 0):
                shape, fortran, dtype = np.lib.format.read_array_header_1_0(start)
            elif version in ((2, 0), (3, 0)):
                shape, fortran, dtype = np.lib.format.read_array_header_2_0(start)
            else:
                raise ValueError(f"version {version}")
    except Exception as error:  # its text is Python: ValueError, SyntaxError, RecursionError, MemoryError
        raise UserError(
            f"{path}: {key} is not an array ({str(error) or type(error).__name__})",
            "write the file again with numpy.savez",
        ) from None
    if dtype.hasobject:
        raise UserError(
            f"{path}: not a readable .npz file of plain arrays ({key} is an array of objects)",
            "such arrays could run code; store numbers: numpy.asarray(x, dtype='uint8')",
        )
    if dtype.names is not None or dtype.itemsize == 0 or any(side < 0 for side in shape):
        what = f"has shape {shape}" if any(side < 0 for side in shape) else f"is of type {dtype}"
        raise UserError(f"{path}: {key} {what}", "store plain numbers, without fields")
    return _Header(shape, fortran, dtype, start.tell())


def _class_names(path: Path, names: Array | None) -> tuple[str, ...]:
    """The names of the classes, where an array of strings gives them."""
    if names is None:
        return ()
    if names.ndim != 1 or names.dtype.kind != "U" or not all(names):
        raise UserError(
            f"{path}: its names are {names.dtype} of shape {names.shape}",
            "store them as an array of strings, one for each class: numpy.array(['cat', 'dog'])",
        )
    return tuple(str(name) for name in names)
