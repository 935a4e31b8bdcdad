"""What hovers and completions say of a declaration and of a setting, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields, replace
from typing import Any

from dartsl.lang.check.matched import matched
from dartsl.lang.check.model import CHANGES, KEEPS
from dartsl.lang.check.resolve import RESERVED, RESERVED_2, NamedDecl
from dartsl.lang.check.signatures import Signature
from dartsl.lang.records.inputs import INPUTS
from dartsl.lang.settings.methods import NAMES
from dartsl.lang.settings.stages import EPOCHS, KEEP, PARTIAL, SKIP_DROPOUT
from dartsl.lang.settings.values import CONFIGS, accepted, written
from dartsl.lang.syntax import ast
from dartsl.lang.syntax.printer import print_expr

LONGEST = 12  # lines of a declaration that are shown
ARMS: Mapping[str, str] = {
    KEEPS: "the arm of `match shape` where the stride asked for is 1 and `Cin` is `C`",
    CHANGES: "the arm of `match shape` where a stride is asked for, or `Cin` is not `C`",
}
OF_SCAN: Mapping[str, str] = {
    "carry": 'the input of the cell that takes what it gave for the element before; several as `"h, c"`',
    "dropout_x": "the part of the element that `scan` zeroes, by one mask for the whole sequence",
    "dropout_h": "the part of the carry that `scan` zeroes, by one mask for the whole sequence",
}
OF_STAGE: Mapping[str, str] = {
    KEEP: "the most candidates that an edge has in this stage",
    EPOCHS: "how long this stage is; its share of the epochs, where the run has others than its stages together",
    SKIP_DROPOUT: "the setting of that name, in this stage",
    PARTIAL: "the setting of that name, in this stage",
}
WORDS: Mapping[str, str] = {
    **OF_STAGE,
    **OF_SCAN,
    **ARMS,
    **RESERVED_2,
    **RESERVED,
}  # what is the language's own


def block(text: str) -> str:
    """A piece of a spec."""
    lines = text.splitlines()
    shown = lines if len(lines) <= LONGEST else [*lines[:LONGEST], "..."]
    return "```darts\n" + "\n".join(shown) + "\n```"


def signature(declaration: NamedDecl | ast.NetworkDecl) -> str:
    """`sep_conv(k)`"""
    parameters = getattr(declaration, "parameters", ())
    return str(Signature(declaration.name.id, parameters, declaration.name.span))


def comments_by_line(file: ast.File) -> dict[int, ast.Comment]:
    return {file.source.position(comment.start)[0]: comment for comment in file.comments}


def comment_of(lines: Mapping[int, ast.Comment], declaration: NamedDecl | ast.NetworkDecl) -> str:
    """The comment behind a declaration on its last line, else those on the lines just above it."""
    source, span = declaration.span.source, declaration.span
    first, last = source.position(span.start)[0], source.position(max(span.end - 1, span.start))[0]
    if last in lines and not lines[last].own_line and lines[last].start >= span.end:
        return lines[last].text.lstrip("# ")
    above: list[str] = []
    number = first - 1
    while number in lines and lines[number].own_line:
        above.insert(0, lines[number].text.lstrip("# "))
        number -= 1
    return " ".join(above)


# ------------------------------------------------------------------ operations


def filled(declaration: ast.OpDecl, call: ast.Name | ast.Call) -> ast.Expr:
    """The body of an operation with the arguments of a call, or their defaults, in place of its parameters."""
    names = [parameter.name.id for parameter in declaration.parameters]
    given = matched(names, call, width=True).given
    values: dict[str, ast.Expr] = {}
    for parameter in declaration.parameters:
        argument = given.get(parameter.name.id)
        value = parameter.default if argument is None else argument.value
        if value is not None:
            values[parameter.name.id] = value if argument else _filled(value, values)
    return _filled(declaration.body, values)


def _filled(expr: ast.Expr, values: Mapping[str, ast.Expr]) -> ast.Expr:
    match expr:
        case ast.Name(name):
            return values.get(name, expr)
        case ast.Call():
            arguments = (replace(each, value=_filled(each.value, values)) for each in expr.arguments)
            function = values.get(expr.function.id, expr.function)
            called = function if isinstance(function, ast.Name) else expr.function
            return replace(expr, function=called, arguments=tuple(arguments))
        case ast.Match():
            return replace(
                expr, arms=tuple(replace(arm, body=_filled(arm.body, values)) for arm in expr.arms)
            )
        case ast.Binary():
            return replace(expr, left=_filled(expr.left, values), right=_filled(expr.right, values))
        case ast.Chain():
            return replace(expr, steps=tuple(_filled(step, values) for step in expr.steps))
        case ast.Choice():
            return replace(expr, options=tuple(_filled(option, values) for option in expr.options))
    return expr


def expanded(declaration: ast.OpDecl, call: ast.Name | ast.Call) -> str:
    """`sep_conv(3) = relu > dwconv(3)/stride > ...`"""
    return f"{print_expr(call)} = {print_expr(filled(declaration, call))}"


# -------------------------------------------------------------------- settings


def settings(kind: str) -> dict[str, Field[Any]]:
    """Those of `search` or `train`."""
    return {each.name: each for each in fields(CONFIGS[kind])}


def about_setting(kind: str, spec: Field[Any]) -> str:
    """What a setting means, its default and what it accepts."""
    meta = spec.metadata
    lines = [f"**{spec.name}**, a setting of `{kind}`: {meta['help']}", f"default: {_default(spec)}"]
    values = accepted(spec)
    if values is not None:
        lines.append("one of " + ", ".join(f"`{value}`" for value in values))
    low, high = meta["low"], meta["high"]
    if low is not None:
        lines.append(
            f"{'above' if meta['open_low'] else 'from'} {low}" + (f" to {high}" if high is not None else "")
        )
    if meta["only"] is not None:
        lines.append("of networks of " + " or ".join(meta["only"]))
    return "\n\n".join(lines)


def _default(spec: Field[Any]) -> str:
    found = [f"`{written(spec.default)}`"]
    kinds = {each.kind for each in INPUTS.values()}
    for kind, value in spec.metadata["by_kind"].items():
        if kind in kinds and value != spec.default:
            found.append(f"`{written(value)}` for networks of {kind}")
    return ", ".join(found)


def about_value(spec: Field[Any], value: str) -> str:
    """What one of a setting's registered names means."""
    part = spec.metadata["names"]
    return "" if part is None else NAMES[part].get(value, "")
