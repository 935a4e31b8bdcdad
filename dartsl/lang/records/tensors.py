"""Shapes, and shapes while they are worked out: exact widths, sizes that may be unknown (a cell in no network)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from dartsl.lang.records.widths import Symbolic, Width

Pair = tuple[int, int]  # (down, across)


@dataclass(frozen=True)
class Shape:
    """A tensor's shape without its batch axis: (channels, *size).

    size is (H, W) of a map, (T,) of a sequence of vectors, () of a vector. `tokens`: a sequence of word numbers,
    of one channel. `series`: a series of length W, which is a map of one row inside the compiler.
    """

    channels: int
    size: tuple[int, ...]
    tokens: bool = False
    series: bool = False

    @property
    def dims(self) -> tuple[int, ...]:
        """As the compiler has it: a series is (C, 1, L)."""
        return (self.channels, *self.size)

    @property
    def outer(self) -> tuple[int, ...]:
        """As those outside have it: a series is (C, L)."""
        return (self.channels, *self.size[1:]) if self.series else self.dims


@dataclass(frozen=True)
class Unknown:
    """An axis of unknown length, `H` or `W`, after strides that multiply to `stride`.

    ceil(ceil(H/a)/b) = ceil(H/(a*b)), so two such axes have the same length, whatever H is, exactly when
    they are equal.
    """

    letter: str
    stride: int = 1

    def __str__(self) -> str:
        return self.letter if self.stride == 1 else f"{self.letter}/{self.stride}"


Axis = int | Unknown


@dataclass(frozen=True)
class Tensor:
    """A shape without its batch axis: a width and a size, (H, W) of a map, (T,) of a sequence, () of a vector.

    `tokens`: a sequence of word numbers, of width 1. `series`: of size (1, L).
    """

    width: Width
    size: tuple[Axis, ...]
    tokens: bool = False
    series: bool = False

    @cached_property
    def _hash(self) -> int:
        return hash((self.width, self.size, self.tokens, self.series))

    def __hash__(self) -> int:
        return self._hash  # fractions take long

    def to(self, width: Width, size: tuple[Axis, ...] | None = None) -> Tensor:
        """Numbers of the same kind, of another width and perhaps of another size."""
        return Tensor(width, self.size if size is None else size, False, self.series)

    @property
    def is_map(self) -> bool:
        return len(self.size) == 2

    @property
    def is_sequence(self) -> bool:
        return len(self.size) == 1

    @property
    def is_point(self) -> bool:
        """Whether it is a 1x1 map, which broadcasts in a merge."""
        return self.size == (1, 1)

    def shape(self) -> Shape | None:
        """The same in whole numbers; None while something in it is a symbol or a fraction."""
        if isinstance(self.width, Symbolic) or self.width.denominator != 1:
            return None
        size = tuple(axis for axis in self.size if isinstance(axis, int))
        if len(size) != len(self.size):
            return None
        return Shape(int(self.width), size, self.tokens, self.series)

    def size_text(self) -> str:
        """`32x32`, `H/2xW/2`, `length 64`, `a vector`, `a sequence of vectors`, or `tokens`."""
        if self.series:
            return f"length {self.size[-1]}"
        if len(self.size) == 2:
            return "x".join(str(axis) for axis in self.size)
        if self.tokens:
            return "tokens"
        return "a sequence of vectors" if self.size else "a vector"

    @property
    def what(self) -> str:
        """`a map of 32x32`, `a series of length 64`, or what `size_text` says of others."""
        kind = "a series of " if self.series else "a map of " if self.is_map else ""
        return kind + self.size_text()


def tensor_of(shape: Shape) -> Tensor:
    """A known shape as a tensor."""
    return Tensor(Fraction(shape.channels), shape.size, shape.tokens, shape.series)


def strided(size: tuple[Axis, ...], stride: Pair) -> tuple[Axis, ...]:
    """The size after a stride: ceil(H / down), ceil(W / across) of a map; others have no axis to stride."""
    if len(size) != 2:
        return size
    return tuple(_divide(axis, by) for axis, by in zip(size, stride, strict=False))


def _divide(axis: Axis, by: int) -> Axis:
    return -(-axis // by) if isinstance(axis, int) else Unknown(axis.letter, axis.stride * by)
