"""What a value that was read from a file must be: small checks that are put together. No torch.

A check takes a value and its place, and raises MisfitError with the place of what does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

Check = Callable[[Any, str], None]
MOST = 2**53  # whole numbers above it are not counts, and no float has them all


class MisfitError(ValueError):
    """A value that is not what it must be; the message is its place, such as `plugins[0].path`."""


def anything(_value: Any, _place: str) -> None:
    """Any value."""


def text(value: Any, place: str) -> None:
    """A string."""
    _require(isinstance(value, str), place)


def like(pattern: str) -> Check:
    """A string that a regular expression matches whole."""
    compiled = re.compile(pattern)
    return lambda value, place: _require(isinstance(value, str) and bool(compiled.fullmatch(value)), place)


def one_of(*values: Any) -> Check:
    """One of a few values, of the same type."""
    known = {(type(value), value) for value in values}
    return lambda value, place: _require(
        isinstance(value, str | int) and (type(value), value) in known, place
    )


def whole(low: int = 0, high: int | None = MOST) -> Check:
    """A whole number within bounds; True and False are none."""

    def check(value: Any, place: str) -> None:
        _require(type(value) is int and low <= value and (high is None or value <= high), place)

    return check


def real(value: Any, place: str) -> None:
    """Any number, also NaN and infinity, which a figure may be."""
    _require(type(value) in (int, float) and (type(value) is float or abs(value) <= MOST), place)


def number(low: float | None = None) -> Check:
    """A finite number."""

    def check(value: Any, place: str) -> None:
        fits = type(value) in (int, float) and (abs(value) <= MOST if type(value) is int else isfinite(value))
        _require(fits and (low is None or value >= low), place)

    return check


def maybe(check: Check) -> Check:
    """None, or what the check says."""
    return lambda value, place: None if value is None else check(value, place)


def either(*checks: Check) -> Check:
    """What one of the checks says."""

    def check(value: Any, place: str) -> None:
        for each in checks:
            try:
                return each(value, place)
            except MisfitError as misfit:
                fault = misfit
        raise fault

    return check


def many(check: Check, count: int | None = None) -> Check:
    """A list of values that each fit, `count` of them."""

    def check_all(value: Any, place: str) -> None:
        _require(isinstance(value, list) and count in (None, len(value)), place)
        for number, item in enumerate(value):
            check(item, f"{place}[{number}]")

    return check_all


def table(check: Check, names: Check = text) -> Check:
    """An object whose names, and whose values, each fit."""

    def check_all(value: Any, place: str) -> None:
        _require(isinstance(value, dict), place)
        for name, item in value.items():
            names(name, place)
            check(item, f"{place}.{name}")

    return check_all


def record(
    fields: Mapping[str, Check],
    optional: Mapping[str, Check] | None = None,
    closed: bool = False,
    others: Check = anything,
) -> Check:
    """An object that has the fields, and may have the optional ones; a closed one has no others.

    In an open one `others` says what any other field is.
    """

    def check_all(value: Any, place: str) -> None:
        _require(isinstance(value, dict), place)
        inside = f"{place}." if place else ""
        for name, check in {**fields, **(optional or {})}.items():
            if name in value or name in fields:
                _require(name in value, inside + name)
                check(value[name], inside + name)
        for name in value.keys() - fields.keys() - (optional or {}).keys():
            _require(not closed, f"{inside}{name}")
            others(value[name], f"{inside}{name}")

    return check_all


def _require(fits: bool, place: str) -> None:
    if not fits:
        raise MisfitError(place)
