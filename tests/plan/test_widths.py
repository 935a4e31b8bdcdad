"""Exact widths, and how those with a symbol are written."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dartsl.lang.records.widths import Symbolic, Width, symbol

C = symbol()
NUMBERS = st.fractions(min_value=-9, max_value=9, max_denominator=9)


def value(width: Width, at: Fraction) -> Fraction:
    """The width where C is `at`."""
    if not isinstance(width, Symbolic):
        return width

    def of(coefficients: tuple[Fraction, ...]) -> Fraction:
        return sum((c * at**power for power, c in enumerate(coefficients)), Fraction(0))

    return of(width.numerator) / of(width.denominator)


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (C, "C"),
        (C / Fraction(2), "C/2"),
        (Fraction(4) * C, "4*C"),
        (Fraction(3) * C / Fraction(4), "3*C/4"),
        (C * C, "C*C"),
        (C + Fraction(1), "C + 1"),
        (C - Fraction(1, 2), "(2*C - 1)/2"),
        ((C + Fraction(1)) * Fraction(2), "2*(C + 1)"),
        (Fraction(1) / C, "1/C"),
        (Fraction(3) / (C + Fraction(1)), "3/(C + 1)"),
        (Fraction(0) - C, "-C"),
        (Fraction(5) - C, "-C + 5"),
    ],
)
def test_text(width: Width, text: str) -> None:
    assert str(width) == text


def test_what_does_not_depend_on_c_is_a_number() -> None:
    assert Fraction(1) == C / C
    assert Fraction(0) == C - C
    assert (C * C - Fraction(1)) / (C - Fraction(1)) == C + Fraction(1)
    assert isinstance(C / C, Fraction)


def test_division_by_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        C / Fraction(0)


@st.composite
def widths(draw: st.DrawFn, depth: int = 3) -> Width:
    if depth == 0 or draw(st.booleans()):
        return draw(st.one_of(NUMBERS, st.just(C)))
    a, b = draw(widths(depth - 1)), draw(widths(depth - 1))
    operator = draw(st.sampled_from("+-*/"))
    if operator == "/":
        return a / b if b != 0 else a
    return a + b if operator == "+" else a - b if operator == "-" else a * b


@settings(max_examples=40, deadline=None)
@given(widths(), widths(), st.integers(min_value=1000, max_value=2000))
def test_arithmetic_is_that_of_values(a: Width, b: Width, at: int) -> None:
    c = Fraction(at) + Fraction(1, 7)
    assert value(a + b, c) == value(a, c) + value(b, c)
    assert value(a - b, c) == value(a, c) - value(b, c)
    assert value(a * b, c) == value(a, c) * value(b, c)
    assert a + b == b + a
    if b != 0:
        assert value(a / b, c) == value(a, c) / value(b, c)
        assert (a / b) * b == a
