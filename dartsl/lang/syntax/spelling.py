"""Syntax -> text on one line, in the canonical spelling."""

from __future__ import annotations

from collections.abc import Sequence

from dartsl.lang.syntax import ast as s

CHOICE, CHAIN, SUM, PRODUCT, ATOM = range(5)  # how tightly an expression binds
_BINARY = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT}


def binding(expr: s.Expr) -> int:
    """How tightly the outermost operator of an expression binds, from CHOICE to ATOM."""
    match expr:
        case s.Choice():
            return CHOICE
        case s.Chain():
            return CHAIN
        case s.Binary():
            return _BINARY[expr.operator]
        case _:
            return ATOM


def operator(expr: s.Binary) -> str:
    """The operator with its blanks: `a + b`, but `normal*n` and `C/2`."""
    return f" {expr.operator} " if _BINARY[expr.operator] == SUM else expr.operator


def spell(expr: s.Expr, least: int = CHOICE) -> str:
    """An expression on one line, in parentheses where it binds less tightly than `least`."""
    text = _spell(expr)
    return f"({text})" if binding(expr) < least else text


def _spell(expr: s.Expr) -> str:
    match expr:
        case s.Name():
            return expr.id
        case s.Number():
            return expr.lexeme
        case s.String():
            return f'"{expr.value}"'
        case s.Boolean():
            return "true" if expr.value else "false"
        case s.Range():
            return f"{expr.first.id}..{expr.last.id}"
        case s.Call():
            return f"{expr.function.id}({', '.join(argument(a) for a in expr.arguments)})"
        case s.Match():
            arms = ", ".join(f"{spell(arm.value)} => {spell(arm.body)}" for arm in expr.arms)
            return f"match {expr.subject.id} {{ {arms} }}"
        case s.Binary():
            level = binding(expr)
            return spell(expr.left, level) + operator(expr) + spell(expr.right, level + 1)
        case s.Chain():
            return " > ".join(spell(step, SUM) for step in expr.steps)
        case s.Choice():
            return " | ".join(spell(option, CHAIN) for option in expr.options)


def argument(item: s.Argument) -> str:
    """`k = 3` or `3`"""
    return (f"{item.name.id} = " if item.name else "") + spell(item.value)


def names(items: Sequence[s.Name | s.Range]) -> str:
    """`a, b, n0..n3`"""
    return ", ".join(_spell(item) for item in items)


def parameters(items: Sequence[s.Parameter]) -> str:
    """`(k, out = C)`, or nothing where there are none."""
    if not items:
        return ""
    return f"({', '.join(p.name.id + (f' = {spell(p.default, SUM)}' if p.default else '') for p in items)})"


def literal(value: s.SettingValue) -> str:
    """The value of a setting."""
    if isinstance(value, s.ListLiteral):
        return f"[{', '.join(literal(item) for item in value.items)}]"
    if isinstance(value, s.ScheduleLiteral):
        return f"{value.shape}({', '.join(_spell(number) for number in value.numbers)})"
    if isinstance(value, s.StageLiteral):
        return f"stage({', '.join(f'{each.name.id} = {_spell(each.value)}' for each in value.entries)})"
    return _spell(value)
