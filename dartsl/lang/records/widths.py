"""Exact widths: fractions, and rational functions of the symbol C for a cell that stands in no network.

A width is a `Fraction` wherever C is a number, so only cells in no network (rule 10) meet `Symbolic`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property, lru_cache
from math import gcd, lcm

MAX_BITS = 1000  # of a numerator or a denominator
MAX_TERMS = 100  # of both polynomials of a symbol together
MAX_EXPONENT = 40  # of a number such as 1e9; far above any width, and quick to write out

Coefficients = tuple[Fraction, ...]  # of C**0, C**1, ...; the last one is not zero; () is the polynomial 0


@lru_cache(maxsize=1000)
def exact(text: str) -> Fraction | None:
    """The exact value of `36`, `1/2` or `3e-4`; None when its exponent is out of reach.

    Raises ValueError where the text is no number, ZeroDivisionError for `1/0`.
    """
    _, _, exponent = text.lower().partition("e")
    if len(exponent) > 5 or (exponent and abs(int(exponent)) > MAX_EXPONENT):
        return None
    return Fraction(text)


@dataclass(frozen=True)
class Symbolic:
    """A quotient of two polynomials in C, in lowest terms and with a monic denominator.

    So two are equal exactly when they are the same function of C. Arithmetic gives a `Fraction` where the
    result does not depend on C.
    """

    numerator: Coefficients
    denominator: Coefficients

    @cached_property
    def _hash(self) -> int:
        return hash((self.numerator, self.denominator))

    def __hash__(self) -> int:
        return self._hash  # fractions take long

    def __add__(self, other: Width) -> Width:
        right = _lift(other)
        top = _add(_times(self.numerator, right.denominator), _times(right.numerator, self.denominator))
        return _quotient(top, _times(self.denominator, right.denominator))

    def __mul__(self, other: Width) -> Width:
        right = _lift(other)
        top = _times(self.numerator, right.numerator)
        return _quotient(top, _times(self.denominator, right.denominator))

    def __truediv__(self, other: Width) -> Width:
        right = _lift(other)
        if not right.numerator:
            raise ZeroDivisionError("division of a width by zero")
        top = _times(self.numerator, right.denominator)
        return _quotient(top, _times(self.denominator, right.numerator))

    def __sub__(self, other: Width) -> Width:
        return self + other * Fraction(-1)

    def __radd__(self, other: Fraction) -> Width:
        return self + other

    def __rmul__(self, other: Fraction) -> Width:
        return self * other

    def __rsub__(self, other: Fraction) -> Width:
        return self * Fraction(-1) + other

    def __rtruediv__(self, other: Fraction) -> Width:
        return _quotient(_times(_constant(other), self.denominator), self.numerator)

    def __str__(self) -> str:
        scale = lcm(*(c.denominator for c in self.numerator))
        shared = gcd(*(int(c * scale) for c in self.numerator))
        top = tuple(c * scale / shared for c in self.numerator)
        one_term = sum(c != 0 for c in top) == 1
        text = _polynomial(tuple(c * shared for c in top) if one_term else top)
        if not one_term and (shared != 1 or scale != 1 or len(self.denominator) > 1):
            text = f"({text})"
        if not one_term and shared != 1:
            text = f"{shared}*{text}"
        if scale != 1:
            text += f"/{scale}"
        if len(self.denominator) > 1:
            below = _polynomial(self.denominator)
            text += f"/{below}" if below == "C" else f"/({below})"
        return text


Width = Fraction | Symbolic


@cache
def symbol() -> Symbolic:
    """The width C itself."""
    return Symbolic((Fraction(0), Fraction(1)), (Fraction(1),))


def is_small(width: Width) -> bool:
    """Whether it is short enough to go on with: ops that square what they are given double it each time."""
    parts = (*width.numerator, *width.denominator) if isinstance(width, Symbolic) else (width,)
    longest = max(max(abs(part.numerator), part.denominator) for part in parts)
    return len(parts) <= MAX_TERMS and longest.bit_length() <= MAX_BITS


def channels(width: Width) -> str:
    """`16 channels`, `1 channel`, `C/2 channels`."""
    return f"{width} channel" if width == 1 else f"{width} channels"


def _constant(value: Fraction) -> Coefficients:
    return (value,) if value else ()


def _lift(value: Width) -> Symbolic:
    return value if isinstance(value, Symbolic) else Symbolic(_constant(Fraction(value)), (Fraction(1),))


def _trim(values: list[Fraction]) -> Coefficients:
    while values and not values[-1]:
        values.pop()
    return tuple(values)


def _add(a: Coefficients, b: Coefficients) -> Coefficients:
    size = max(len(a), len(b))
    pad = [Fraction(0)] * size
    return _trim([x + y for x, y in zip([*a, *pad][:size], [*b, *pad][:size], strict=True)])


def _times(a: Coefficients, b: Coefficients) -> Coefficients:
    result = [Fraction(0)] * max(0, len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            result[i + j] += x * y
    return _trim(result)


def _divide(a: Coefficients, b: Coefficients) -> tuple[Coefficients, Coefficients]:
    """Quotient and remainder of polynomials."""
    rest, result = list(a), [Fraction(0)] * max(0, len(a) - len(b) + 1)
    for place in reversed(range(len(result))):
        factor = rest[place + len(b) - 1] / b[-1]
        result[place] = factor
        for j, y in enumerate(b):
            rest[place + j] -= factor * y
    return _trim(result), _trim(rest)


def _quotient(top: Coefficients, below: Coefficients) -> Width:
    if len(below) > 1:
        a, b = top, below
        while b:  # Euclid: the greatest common divisor of both polynomials
            a, b = b, _divide(a, b)[1]
        top, below = _divide(top, a)[0], _divide(below, a)[0]
    lead = below[-1]
    top, below = tuple(c / lead for c in top), tuple(c / lead for c in below)
    if len(top) <= 1 and len(below) == 1:
        return top[0] if top else Fraction(0)
    return Symbolic(top, below)


def _polynomial(values: Coefficients) -> str:
    """`2*C*C - C + 1`, highest power first, as the language would write it."""
    text = ""
    for power in reversed(range(len(values))):
        value = values[power]
        if not value:
            continue
        size = abs(value)
        factors = ([str(size)] if size != 1 or power == 0 else []) + ["C"] * power
        sign = "-" if value < 0 else "+"
        text += (f" {sign} " if text else "-" * (value < 0)) + "*".join(factors)
    return text


def shown(value: object) -> str:
    """A value as a message writes it: strings in double quotes, fractions with a short decimal form as that."""
    if isinstance(value, str):
        return f'"{value}"'
    decimal = f"{float(value):g}" if isinstance(value, Fraction) else ""
    return decimal if decimal and Fraction(decimal) == value else str(value)
