"""Arguments: expressions to values, and the values that a call gives to the parameters of an op.

Whether `*` and `/` are arithmetic or act on operations is decided here, by the kind of their operands.
The checker finds most mistakes before; what is left shows only with values at hand.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from dartsl.lang.check import constants
from dartsl.lang.check.matched import WIDTH, matched
from dartsl.lang.check.model import CHANGES, KEEPS, REACHING, Operation
from dartsl.lang.codes import e04_values
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Span
from dartsl.lang.records.accepted import wanted
from dartsl.lang.records.widths import Symbolic, Width, is_small, shown
from dartsl.lang.syntax.ast import Argument, Binary, Boolean, Call, Expr, Match, Name, Number, String


@dataclass(frozen=True)
class Closure:
    """An operation as a value: an expression with the names of the place where it is written."""

    expr: Expr
    names: Mapping[str, Value]
    places: Mapping[str, Span]


Value = Fraction | Symbolic | str | bool | Closure

_OPERATORS: Mapping[str, Callable[[Any, Any], Width]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


@dataclass(frozen=True)
class Environment:
    """The values that names have in a body: parameters, the width `C` and the stride asked for, and the width that is
    `reaching` it (None in a network's own text, which reaches nothing).

    `places` says where the value of a parameter was written, so that a bad one is reported there.
    """

    names: Mapping[str, Value]
    width: Width
    stride: int
    places: Mapping[str, Span] = field(default_factory=dict)
    reaching: Width | None = None

    def inside(
        self,
        names: Mapping[str, Value],
        places: Mapping[str, Span],
        stride: int,
        reaching: Width,
        width: Width,
    ) -> Environment:
        """The environment of a body, called from here."""
        return Environment(names, width, stride, places, reaching)


class FaultError(Exception):
    """One mistake, found where nothing sensible can go on."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.title)
        self.diagnostic = diagnostic


class NoArmError(Exception):
    """A `match stride` without an arm for the stride asked."""

    def __init__(self, match: Match, stride: int) -> None:
        super().__init__(stride)
        self.match = match
        self.stride = stride


def number(literal: Number) -> Fraction:
    """The value of a number literal, exactly. Raises FaultError when its exponent is absurd."""
    value = constants.number(literal)
    if value is None:
        label = "its exponent is too large"
        raise FaultError(e04_values.out_of_range(literal.span, literal.lexeme, label))
    return value


def arm(match: Match, scope: Environment) -> Expr:
    """The body that `match stride` has for the stride, or `match shape` for what happens to stride and width. Raises
    NoArmError."""
    stride = scope.stride
    if match.subject.id == "shape":
        kept = KEEPS if stride == 1 and scope.reaching == scope.width else CHANGES
        return next(
            each.body for each in match.arms if isinstance(each.value, Name) and each.value.id == kept
        )
    for candidate in match.arms:
        if isinstance(candidate.value, Number) and number(candidate.value) == stride:
            return candidate.body
    raise NoArmError(match, stride)


def evaluate(expr: Expr, scope: Environment) -> Value:
    """The value of an argument, a width, a count or a stride. Raises FaultError and NoArmError."""
    match expr:
        case Number():
            return number(expr)
        case String(value=text):
            return text
        case Boolean(value=truth):
            return truth
        case Name(id=name):
            if name in scope.names:
                return scope.names[name]
            if name == "C":
                return scope.width
            if name == "stride":
                return Fraction(scope.stride)
            if name == REACHING and expr.span.source.version > 1 and scope.reaching is not None:
                return scope.reaching
        case Binary():
            left = evaluate(expr.left, scope)
            if not isinstance(left, Closure):
                return _arithmetic(expr, left, evaluate(expr.right, scope))
        case Match():
            value = evaluate(arm(expr, scope), scope)
            if not isinstance(value, Closure):
                return value
    return Closure(expr, scope.names, scope.places)


def _arithmetic(expr: Binary, left: Value, right: Value) -> Value:
    for side, value in ((expr.left, left), (expr.right, right)):
        if isinstance(value, bool) or not isinstance(value, Fraction | Symbolic):
            raise FaultError(e04_values.expected(side.span, "a number", f"this is {kind_of(value)}"))
    assert isinstance(left, Fraction | Symbolic)
    assert isinstance(right, Fraction | Symbolic)
    if expr.operator == "/" and right == 0:
        raise FaultError(e04_values.by_zero(expr.right.span))
    value = _OPERATORS[expr.operator](left, right)
    if not is_small(value):
        raise FaultError(e04_values.too_long(expr.span))
    return value


def kind_of(value: Value) -> str:
    """The kind of a value, with its article."""
    if isinstance(value, Closure):
        return "an operation"
    if isinstance(value, bool):
        return "a boolean"
    return "a string" if isinstance(value, str) else "a number"


def plain(value: Value) -> int | float | bool | str:
    """An argument as a term holds it; 0 for a symbol, since terms of cells in no network are not used."""
    if isinstance(value, Symbolic | Closure):
        return 0
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    return value


def whole(expr: Expr, scope: Environment, what: str, low: int = 1, high: int = 10**9) -> int:
    """The value of a count or a stride. Raises FaultError (E0402, E0405): no whole number from `low`."""
    value = evaluate(expr, scope)
    written = scope.places.get(expr.id, expr.span) if isinstance(expr, Name) else expr.span
    used = () if written is expr.span else (Label(expr.span, f"{what} here"),)
    if isinstance(value, bool | str | Closure):
        raise FaultError(e04_values.must_be(written, what, "a number", kind_of(value), *used))
    if not isinstance(value, Fraction) or value.denominator != 1 or not low <= value <= high:
        raise FaultError(e04_values.not_whole(written, what, shown(value), low, *used))
    return int(value)


@dataclass(frozen=True)
class Bound:
    """Values for all parameters of an op, where each was written (defaults: no place), and the width of its body, with
    the place where a call says it."""

    values: Mapping[str, Value]
    places: Mapping[str, Span]
    width: Width
    written: Span | None = None


def bind(operation: Operation, expr: Name | Call, scope: Environment, asked: int, reaching: Width) -> Bound:
    """What a call gives to an op. Raises FaultError and NoArmError. That its arguments fit was checked before.

    A default sees what the body sees, and the parameters before it; one of an `extern op` also `Cin` in version 1.
    """
    known: dict[str, Value] = {REACHING: reaching} if operation.body is None else {}
    names = [p.name.id for p in operation.parameters]
    given = matched(names, expr, width=True).given
    width, written = body_width(None if WIDTH in names else given.get(WIDTH), scope)
    values: dict[str, Value] = {}
    places: dict[str, Span] = {}
    for parameter in operation.parameters:
        name = parameter.name.id
        if name in given:
            value = given[name].value
            values[name] = evaluate(value, scope)
            places[name] = _place(value, scope)
        else:
            assert parameter.default is not None
            inner = scope.inside(known | values, places, asked, reaching, width)
            values[name] = evaluate(parameter.default, inner)
    return Bound(values, places, width, written)


def body_width(argument: Argument | None, scope: Environment) -> tuple[Width, Span | None]:
    """The width that the argument `out` of a call asks of a body, and where it is written; without one that of the body
    around the call. Raises FaultError (E0402, E0503)."""
    if argument is None:
        return scope.width, None
    value, place = evaluate(argument.value, scope), _place(argument.value, scope)
    if isinstance(value, bool | str | Closure):
        raise FaultError(e04_values.must_be(place, "a width", "a number", kind_of(value)))
    needed = wanted("width", value)
    if needed is not None:
        raise FaultError(e04_values.bad_width(place, shown(value), needed))
    return value, argument.span


def _place(value: Expr, scope: Environment) -> Span:
    """Where a value was written: where it was given to the parameter that is named here, or here."""
    return scope.places.get(value.id, value.span) if isinstance(value, Name) else value.span
