"""Reading pickles of plain containers and numpy arrays without running anything they name."""

from __future__ import annotations

import io
import pickle
import pickletools
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dartsl.lang.codes.diagnostics import UserError

_PLAIN_TYPES = {"u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"}
# CIFAR-100's training file has 155 MB and some 250,000 opcodes, most of them for labels and file names.
MOST_BYTES = 1 << 30
MOST_OPCODES = 2_000_000
MOST_OBJECTS = 1_000  # of tuples that stay, and of arrays and their types: an array takes five
_COPIES = 4  # how many times its own size a file's arrays may take
_TUPLES = frozenset({"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "FROZENSET"})
_MEMO = frozenset({"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"})


class _Room:
    """What arrays may still take: one text of a file can be made into many of them."""

    def __init__(self, most: int) -> None:
        self._bytes = most
        self._objects = MOST_OBJECTS

    def take(self, count: int) -> None:
        self._bytes -= count
        if self._bytes < 0:
            raise pickle.UnpicklingError("arrays that are larger than the file")

    def enter(self) -> None:
        self._objects -= 1
        if self._objects < 0:
            raise pickle.UnpicklingError(f"more than {MOST_OBJECTS:,} arrays")


class _Dtype:
    """Stands for numpy.dtype: keeps the type's code, and the byte order that its state holds."""

    def __init__(self, room: _Room, code: str | bytes, *_: object) -> None:
        room.enter()
        text = code.decode("ascii") if isinstance(code, bytes) else code
        if text not in _PLAIN_TYPES:
            raise pickle.UnpicklingError(f"an array of type {text!r}")
        self.code = text

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        self.code = ("" if order == "|" else order) + self.code


class _Array:
    """Stands for an array that numpy's `_reconstruct` made: filled by its state alone."""

    def __init__(self, room: _Room, *_: object) -> None:
        self.value: NDArray[Any] = np.empty(0, np.uint8)
        self._room = room
        room.enter()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, is_fortran, data = state
        if not isinstance(data, bytes | bytearray):
            raise pickle.UnpicklingError(f"an array's data of type {type(data).__name__}")
        self._room.take(len(data))
        flat = np.frombuffer(bytes(data), np.dtype(dtype.code))
        self.value = flat.reshape(shape, order="F" if is_fortran else "C")


def _from_buffer(
    room: _Room, data: bytes | bytearray, dtype: _Dtype, shape: tuple[int, ...], order: str
) -> _Array:
    """What numpy writes for arrays in protocol 5."""
    array = _Array(room)
    array.__setstate__((1, shape, dtype, order == "F", data))
    return array


def _encode(room: _Room, text: str, encoding: str) -> bytes:
    """What Python 3 writes for bytes in old protocols: `_codecs.encode(text, "latin1")`."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"an encoding {encoding!r}")
    room.take(len(text))
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
    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")
        self._room = _Room(_COPIES * len(content))

    def find_class(self, module_name: str, global_name: str) -> Any:
        try:
            found = _ALLOWED[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"`{module_name}.{global_name}`") from None
        return None if found is None else partial(found, self._room)


def _survey(content: bytes) -> None:
    """Raise UnpicklingError for what would take more memory or stack than its bytes: it is only looked at here.

    A length beyond the file's end is ValueError, as is an unknown opcode. The memo is an array in C, as long as the
    largest number in it. Tuples within tuples are hashed on the C stack, so few may stay: most are the arguments of the
    call that follows them, which is `_encode`'s of two strings or is counted.
    """
    tuples, fresh = 0, False
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if count == MOST_OPCODES:
            raise pickle.UnpicklingError(f"more than {MOST_OPCODES:,} opcodes")
        if opcode.name in _MEMO:
            if not 0 <= int(argument or 0) <= MOST_OPCODES:
                raise pickle.UnpicklingError(f"the number {argument} in its memo")
            continue
        tuples += (opcode.name in _TUPLES) - (fresh and opcode.name == "REDUCE")
        fresh = opcode.name in _TUPLES
    if tuples > MOST_OBJECTS:
        raise pickle.UnpicklingError(f"{tuples:,} tuples")


def read_pickle(path: Path) -> dict[str, Any]:
    """The dictionary that a pickle holds, its keys as text and its arrays as numpy arrays.

    Works on files of Python 2 and 3. Nothing outside this file is ever imported or called, so a file
    from an untrusted place does no harm. Raises UserError where the file cannot be read, is cut short,
    or names anything but plain containers and arrays of numbers.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise UserError(f"{path}: {size:,} bytes, more than any CIFAR file", "is this a CIFAR file?")
    try:
        content = path.read_bytes()
        _survey(content)
        found = _Unpickler(content).load()
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
