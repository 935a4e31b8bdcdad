"""Reading pickles of plain containers and numpy arrays without running anything they name."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dartsl.lang.diagnostics import UserError

_PLAIN_TYPES = {"u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"}


class _Dtype:
    """Stands for numpy.dtype: keeps the type's code, and the byte order that its state holds."""

    def __init__(self, code: str | bytes, *_: object) -> None:
        text = code.decode("ascii") if isinstance(code, bytes) else code
        if text not in _PLAIN_TYPES:
            raise pickle.UnpicklingError(f"an array of type {text!r}")
        self.code = text

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        self.code = ("" if order == "|" else order) + self.code


class _Array:
    """Stands for an array that numpy's `_reconstruct` made: filled by its state alone."""

    def __init__(self, *_: object) -> None:
        self.value: NDArray[Any] = np.empty(0, np.uint8)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, is_fortran, data = state
        if not isinstance(data, bytes | bytearray):
            raise pickle.UnpicklingError(f"an array's data of type {type(data).__name__}")
        flat = np.frombuffer(bytes(data), np.dtype(dtype.code))
        self.value = flat.reshape(shape, order="F" if is_fortran else "C")


def _from_buffer(data: bytes | bytearray, dtype: _Dtype, shape: tuple[int, ...], order: str) -> _Array:
    """What numpy writes for arrays in protocol 5."""
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", data))
    return array


def _encode(text: str, encoding: str) -> bytes:
    """What Python 3 writes for bytes in old protocols: `_codecs.encode(text, "latin1")`."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"an encoding {encoding!r}")
    return text.encode("latin-1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("numpy", "ndarray"): None,  # only ever an argument of _reconstruct; None cannot be called
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        try:
            return _ALLOWED[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"`{module_name}.{global_name}`") from None


def read_pickle(path: Path) -> dict[str, Any]:
    """The dictionary that a pickle holds, its keys as text and its arrays as numpy arrays.

    Works on files of Python 2 and 3. Nothing outside this file is ever imported or called, so a file
    from an untrusted place does no harm. Raises UserError where the file cannot be read, is cut short,
    or names anything but plain containers and arrays of numbers.
    """
    try:
        with path.open("rb") as file:
            found = _Unpickler(file, encoding="bytes").load()
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: refused, since it holds more than arrays and plain containers, or is damaged ({error})",
            "take the file from the data set's own archive; such a file could run code on your machine",
        ) from None
    except (
        Exception
    ) as error:  # a damaged pickle may raise nearly anything: EOFError, KeyError, TypeError, ...
        raise UserError(
            f"{path}: not a readable pickle ({type(error).__name__}: {error})", "is the file complete?"
        ) from None
    if not isinstance(found, dict):
        raise UserError(f"{path}: holds a {type(found).__name__}, not a dictionary", "is this a CIFAR file?")
    return {_text(key): value.value if isinstance(value, _Array) else value for key, value in found.items()}


def _text(key: object) -> str:
    return key.decode("latin-1") if isinstance(key, bytes) else str(key)
