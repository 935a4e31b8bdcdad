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
from dartsl.lang.check.model import REACHING, Operation
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Span
from dartsl.lang.records.widths import Symbolic, Width, is_small, shown
from dartsl.lang.syntax.ast import Binary, Boolean, Call, Expr, Match, Name, Number, String


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
class Scope:
    """What names mean in a body: parameters, the width `C` and the stride asked for.

    `places` says where the value of a parameter was written, so that a bad one is reported there.
    """

    names: Mapping[str, Value]
    width: Width
    stride: int
    places: Mapping[str, Span] = field(default_factory=dict)

    def inside(self, names: Mapping[str, Value], places: Mapping[str, Span], stride: int) -> Scope:
        """The scope of an op's body, called from here."""
        return Scope(names, self.width, stride, places)


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
        title = f"the number {literal.lexeme} is out of range"
        raise FaultError(Diagnostic("E0405", title, Label(literal.span, "its exponent is too large")))
    return value


def arm(match: Match, stride: int) -> Expr:
    """The body that `match stride` has for a stride. Raises NoArmError."""
    for candidate in match.arms:
        if isinstance(candidate.value, Number) and number(candidate.value) == stride:
            return candidate.body
    raise NoArmError(match, stride)


def evaluate(expr: Expr, scope: Scope) -> Value:
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
        case Binary():
            left = evaluate(expr.left, scope)
            if not isinstance(left, Closure):
                return _arithmetic(expr, left, evaluate(expr.right, scope))
        case Match():
            value = evaluate(arm(expr, scope.stride), scope)
            if not isinstance(value, Closure):
                return value
    return Closure(expr, scope.names, scope.places)


def _arithmetic(expr: Binary, left: Value, right: Value) -> Value:
    for side, value in ((expr.left, left), (expr.right, right)):
        if isinstance(value, bool) or not isinstance(value, Fraction | Symbolic):
            raise FaultError(
                Diagnostic("E0402", "expected a number", Label(side.span, f"this is {kind_of(value)}"))
            )
    assert isinstance(left, Fraction | Symbolic)
    assert isinstance(right, Fraction | Symbolic)
    if expr.operator == "/" and right == 0:
        raise FaultError(Diagnostic("E0405", "division by zero", Label(expr.right.span, "this is 0")))
    value = _OPERATORS[expr.operator](left, right)
    if not is_small(value):
        title = "this number is out of range"
        raise FaultError(Diagnostic("E0405", title, Label(expr.span, "too long to be worked out")))
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


def whole(expr: Expr, scope: Scope, what: str, low: int = 1, high: int = 10**9) -> int:
    """The value of a count or a stride. Raises FaultError (E0402, E0405): no whole number from `low`."""
    value = evaluate(expr, scope)
    written = scope.places.get(expr.id, expr.span) if isinstance(expr, Name) else expr.span
    used = () if written is expr.span else (Label(expr.span, f"{what} here"),)
    if isinstance(value, bool | str | Closure):
        label = Label(written, f"this is {kind_of(value)}")
        raise FaultError(Diagnostic("E0402", f"{what} must be a number", label, used))
    if not isinstance(value, Fraction) or value.denominator != 1 or not low <= value <= high:
        label = Label(written, f"this must be a whole number from {low}")
        raise FaultError(Diagnostic("E0405", f"{what} cannot be {shown(value)}", label, used))
    return int(value)


@dataclass(frozen=True)
class Bound:
    """Values for all parameters of an op, and where each was written (defaults: no place)."""

    values: Mapping[str, Value]
    places: Mapping[str, Span]


def bind(operation: Operation, expr: Name | Call, scope: Scope, asked: int, reaching: Width) -> Bound:
    """What a call gives to the parameters of an op. Raises FaultError and NoArmError.

    A default sees `C`, the stride asked and the parameters before it; one of an `extern op` also the width that is
    `reaching` it, as `Cin`.
    """
    known: dict[str, Value] = {REACHING: reaching} if operation.body is None else {}
    given: dict[str, Expr] = {}
    arguments = expr.arguments if isinstance(expr, Call) else ()
    names = [p.name.id for p in operation.parameters]
    free = iter(names)
    for argument in arguments:
        name = argument.name.id if argument.name else next(free, None)
        if name is None or name not in names or name in given:
            raise _misfit(operation, argument.value.span, "does not fit")
        given[name] = argument.value
    values: dict[str, Value] = {}
    places: dict[str, Span] = {}
    for parameter in operation.parameters:
        name = parameter.name.id
        if name in given:
            value = given[name]
            values[name] = evaluate(value, scope)
            places[name] = scope.places.get(value.id, value.span) if isinstance(value, Name) else value.span
        elif parameter.default is not None:
            values[name] = evaluate(parameter.default, scope.inside(known | values, places, asked))
        else:
            raise _misfit(operation, expr.span, f"a value for `{name}` is missing")
    return Bound(values, places)


def _misfit(operation: Operation, span: Span, label: str) -> FaultError:
    signature = ", ".join(p.span.text for p in operation.parameters)
    declared = Label(operation.span, f"declared as {operation.name}({signature})")
    title = f"these arguments do not fit `{operation.name}`"
    return FaultError(Diagnostic("E0401", title, Label(span, label), (declared,)))
