"""The numbers of a network: its parameters, and what is worked out of them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from dartsl.lang.check.model import Network
from dartsl.lang.check.network_faults import require_parameters
from dartsl.lang.codes import e06
from dartsl.lang.codes.source import Span
from dartsl.lang.plan.evaluate import Environment, FaultError, NoArmError, evaluate
from dartsl.lang.syntax.ast import Binary, Expr, Number

Overrides = Mapping[str, Fraction | int]


def values_of(network: Network, overrides: Overrides) -> dict[str, Fraction]:
    """The value of each parameter, some of them replaced.

    Raises FaultError for one without a value, and UserError (exit code 2) for one that the network does not have.
    """
    require_parameters(network, overrides)
    values: dict[str, Fraction] = {}
    for parameter in network.parameters:
        name = parameter.name.id
        if name in overrides:
            values[name] = Fraction(overrides[name])
        elif parameter.default is None:
            raise FaultError(e06.no_value(parameter.span, name))
        else:
            values[name] = number_of(parameter.default, Environment(dict(values), Fraction(1), 1), "E0605")
    return values


def written(network: Network, overrides: Overrides) -> dict[str, Span]:
    """Where the values of parameters are written, of those that a command does not set."""
    given = [p for p in network.parameters if p.name.id not in overrides]
    return {p.name.id: p.default.span for p in given if p.default is not None}


def number_of(expr: Expr, scope: Environment, code: str) -> Fraction:
    """The value of an expression that stands for a number. Raises FaultError, by `code`, for another."""
    try:
        value = evaluate(expr, scope)
    except NoArmError as error:
        value = error.stride == 0
    if isinstance(value, bool) or not isinstance(value, Fraction):
        raise FaultError(e06.no_number(code, expr.span))
    return value


def literal(value: Fraction, span: Span) -> Expr:
    """A number as it is written: `3`, `1 / 2`."""
    top = Number(str(value.numerator), span=span)
    if value.denominator == 1:
        return top
    return Binary("/", top, Number(str(value.denominator), span=span), span=span)
