"""Expressions without context: constant arithmetic, substitution and the names in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from dartsl.lang.records.widths import exact
from dartsl.lang.syntax.ast import (
    Binary,
    Call,
    Chain,
    Choice,
    Expr,
    Match,
    Name,
    Number,
)


def number(literal: Number) -> Fraction | None:
    """The exact value of a number; None when its exponent is out of reach."""
    return exact(literal.lexeme)


def fold(expr: Expr, known: Mapping[str, Fraction] | None = None) -> Fraction | None:
    """The value of constant arithmetic, `known` giving values of names; None for anything else."""
    match expr:
        case Number():
            return number(expr)
        case Name(id):
            return known.get(id) if known else None
        case Binary(operator, left, right):
            a, b = fold(left, known), fold(right, known)
            if a is None or b is None:
                return None
            if operator == "/":
                return a / b if b else None
            return a + b if operator == "+" else a - b if operator == "-" else a * b
    return None


def substitute(expr: Expr, values: Mapping[str, Expr]) -> Expr:
    """`expr` with names replaced by expressions (the parameters of a cell by what it was given)."""
    if not values:
        return expr
    match expr:
        case Name(id):
            return values.get(id, expr)
        case Call(_, arguments):
            new = tuple(replace(a, value=substitute(a.value, values)) for a in arguments)
            return replace(expr, arguments=new)
        case Match(_, arms):
            return replace(expr, arms=tuple(replace(a, body=substitute(a.body, values)) for a in arms))
        case Binary(_, left, right):
            return replace(expr, left=substitute(left, values), right=substitute(right, values))
        case Chain(steps):
            return replace(expr, steps=tuple(substitute(s, values) for s in steps))
        case Choice(options):
            return replace(expr, options=tuple(substitute(o, values) for o in options))
    return expr


def names(expr: Expr) -> list[Name]:
    """Every name in an expression that may refer to a declaration, in order."""
    match expr:
        case Name():
            return [expr]
        case Call(function, arguments):
            return [function, *(n for a in arguments for n in names(a.value))]
        case Match(_, arms):
            return [n for arm in arms for n in names(arm.body)]
        case Binary(_, left, right):
            return [*names(left), *names(right)]
        case Chain(parts) | Choice(parts):
            return [n for part in parts for n in names(part)]
    return []
