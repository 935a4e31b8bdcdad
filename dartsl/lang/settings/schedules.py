"""Schedules: numbers that change from epoch to epoch over the whole of a run, as a setting has them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

MOST = 1_000_000_000  # as of a number in a spec: what is above does not fit into a float32 in the end
CONSTANT = "constant"  # the shape of a plain number, which is written as one

_WRITTEN = re.compile(r"\s*([A-Za-z_]\w*)\s*\(([^()]*)\)\s*")


@dataclass(frozen=True)
class Shape:
    """A way from one number to another.

    value  between `first` and `last`, given how far the run has come, from 0 to 1, but for rounding
    ends   whether the last epoch has come the whole way; else that would be one more epoch
    """

    value: Callable[[float, float, float], float]
    ends: bool = True


def _line(first: float, last: float, done: float) -> float:
    return first + (last - first) * done


def _cosine(first: float, last: float, done: float) -> float:
    return last + 0.5 * (first - last) * (1.0 + math.cos(math.pi * done))


def _exp(first: float, last: float, done: float) -> float:
    return float(first ** (1.0 - done) * last**done)


SHAPES: Mapping[str, Shape] = {
    "linear": Shape(_line),
    "cosine": Shape(_cosine),
    "exp": Shape(_exp),
    "toward": Shape(_line, ends=False),
}


@dataclass(frozen=True)
class Schedule:
    """A number for each epoch: from `first` in the first one to `last` in the last one of the run.

    `toward` is `linear`, but would be at `last` one epoch after the last one. A plain number is the same in all.
    """

    first: float
    last: float
    shape: str = CONSTANT

    @classmethod
    def constant(cls, value: float) -> Schedule:
        """A plain number."""
        return cls(value, value)

    @classmethod
    def of(cls, shape: str, *numbers: float) -> Schedule:
        """A schedule by the name of its shape. Raises ValueError, with what would be accepted."""
        if shape not in SHAPES or len(numbers) != 2:
            *most, another = (f"`{name}(a, b)`" for name in SHAPES)
            raise ValueError(f"a number, {', '.join(most)} or {another}")
        if not all(isfinite(number) and abs(number) <= MOST for number in numbers):
            raise ValueError(f"two finite numbers, at most {MOST:,}")
        first, last = map(float, numbers)
        if shape == "exp" and not (first > 0 and last > 0):
            raise ValueError("`exp(a, b)` of two numbers above 0")
        return cls(first, last, shape)

    @classmethod
    def read(cls, text: str) -> Schedule:
        """What `str` writes. Raises ValueError, with what would be accepted."""
        match = _WRITTEN.fullmatch(text)
        try:
            if match is None:
                return cls.constant(float(text))
            numbers = [float(part) for part in match[2].split(",")]
        except ValueError:
            return cls.of("")
        return cls.of(match[1], *numbers)

    def at(self, epoch: int, epochs: int) -> float:
        """The number in an epoch, counted from 0, of a run of `epochs`; the first one where there is but one.

        It is never outside of `first` and `last`, whose bounds are checked: a temperature does not become 0.
        """
        if self.shape == CONSTANT or epochs == 1:
            return self.first
        shape = SHAPES[self.shape]
        value = shape.value(self.first, self.last, epoch / (epochs - 1 if shape.ends else epochs))
        return min(max(value, min(self.first, self.last)), max(self.first, self.last))

    def __str__(self) -> str:
        first, last = (repr(number).removesuffix(".0") for number in (self.first, self.last))
        return first if self.shape == CONSTANT else f"{self.shape}({first}, {last})"
