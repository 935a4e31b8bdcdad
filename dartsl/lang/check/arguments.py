"""The arguments of a call, matched with parameters (E0401), and what to write for those that do not fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dartsl.lang.check.kinds import ExprKind
from dartsl.lang.check.matched import matched
from dartsl.lang.check.signatures import SAMPLES, Signature
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.suggestions import MAX_SUGGESTIONS, close
from dartsl.lang.syntax import foreign
from dartsl.lang.syntax.ast import Argument, Boolean, Call, Expr, Name, Number, String
from dartsl.lang.syntax.printer import print_expr

_STRIDES = ("stride", "strides", "s", "step")


@dataclass(frozen=True)
class Binding:
    """The values that a call gives to parameters (defaults left out) and the faults of its arguments.

    `stray` are arguments that belong to no parameter.
    """

    values: Mapping[str, Expr]
    arguments: Mapping[str, Argument]
    stray: tuple[Argument, ...]
    faults: tuple[Diagnostic, ...]


def bind(signature: Signature, expr: Name | Call) -> Binding:
    """Match the arguments of a call, or of a bare name, with parameters."""
    declared = (Label(signature.span, f"declared as {signature}"),)
    found = matched([p.name.id for p in signature.parameters], expr, width=signature.width)
    faults: list[Diagnostic] = []
    extra: list[Argument] = []
    for argument, reason in found.misfits:
        if reason == "too many":
            extra.append(argument)
        elif reason == "after named":
            faults.append(_after_named(argument))
        elif argument.name is not None and reason == "unknown":
            seek = len(faults) < MAX_SUGGESTIONS
            faults.append(_unknown_argument(signature, expr, argument, argument.name, seek, declared))
        else:
            name = argument.name.id if argument.name else ""
            faults.append(_given_twice(name, argument, found.given[name]))
    if extra and isinstance(expr, Call):
        faults.append(_too_many(signature, len(expr.arguments), extra, declared))
    missing = [p.name.id for p in signature.required if p.name.id not in found.given]
    if missing and not faults:
        faults.append(_missing(signature, expr, missing, declared))
    values = {name: argument.value for name, argument in found.given.items()}
    stray = [argument for argument, reason in found.misfits if reason != "too many"]
    return Binding(values, found.given, (*stray, *extra), tuple(faults))


def _after_named(argument: Argument) -> Diagnostic:
    title = "a positional argument follows a named one"
    return Diagnostic("E0401", title, Label(argument.span, "name it, or move it before the named ones"))


def _unknown_argument(
    signature: Signature,
    expr: Name | Call,
    argument: Argument,
    name: Name,
    seek: bool,
    declared: tuple[Label, ...],
) -> Diagnostic:
    return Diagnostic(
        "E0401",
        f"`{signature.name}` has no argument `{name.id}`",
        Label(argument.span, "no parameter has this name"),
        declared,
        _remedy(signature, expr, argument, name) if seek else None,
    )


def _remedy(signature: Signature, expr: Name | Call, argument: Argument, name: Name) -> str:
    """What to write for an argument that an operation does not have."""
    names = [p.name.id for p in signature.parameters]
    value = print_expr(argument.value)
    if name.id in _STRIDES and isinstance(expr, Call):
        others = tuple(other for other in expr.arguments if other is not argument)
        call = print_expr(replace(expr, arguments=others) if others else expr.function)
        return f"a stride is written after the call: `{call}/{value}`"
    known = foreign.parameter(name.id, names)
    if known is not None:
        return f"write `{known} = {value}`"
    advice = foreign.no_parameter(name.id)
    if advice is not None:
        return advice
    near = close(name.id, names)
    if near is not None:
        return f"did you mean `{near}`?"
    if not names:
        return f"leave it out: `{signature.name}` takes no arguments"
    return "it has " + ", ".join(f"`{known}`" for known in names)


def wrong_kind(signature: Signature, parameter: str, argument: Argument, fault: Diagnostic) -> Diagnostic:
    """The E0402 for the value of a parameter, which says what the value is for."""
    kind = signature.kind(parameter)
    declared = (Label(signature.span, f"declared as {signature}"),)
    help, value = fault.help, argument.value
    digits = re.match(r"\d+", value.value) if isinstance(value, String) else None
    if kind is ExprKind.NUMBER and digits is not None:
        help = f"write `{parameter} = {digits[0]}`"
    elif signature.name == "linear" and argument.name is None:
        help = f"the width that arrives is known: write `linear({print_expr(value)})`"
    title = f"`{parameter}` of `{signature.name}` must be {kind.value}"
    return replace(fault, title=title, secondary=(*fault.secondary, *declared), help=help)


def _given_twice(name: str, again: Argument, first: Argument) -> Diagnostic:
    return Diagnostic(
        "E0401",
        f"`{name}` is given twice",
        Label(again.span, "given again here"),
        (Label(first.span, "first given here"),),
        "remove one of them",
    )


def _too_many(
    signature: Signature, given: int, extra: list[Argument], declared: tuple[Label, ...]
) -> Diagnostic:
    takes = len(signature.parameters)
    most = "at most " if len(signature.required) < takes else ""
    accepted = f"{most}{takes} argument{'s' * (takes != 1)}, not {given}" if takes else "no arguments"
    return Diagnostic(
        "E0401",
        f"`{signature.name}` takes {accepted}",
        Label(extra[0].span, "one too many" if len(extra) == 1 else f"{len(extra)} too many"),
        declared,
        _without(signature, extra),
    )


def _without(signature: Signature, extra: list[Argument]) -> str:
    help = "leave it out" if len(extra) == 1 else "leave them out"
    value = extra[0].value
    if signature.builtin and not signature.parameters and not isinstance(value, Number | String | Boolean):
        return f"operations are chained: `{print_expr(value)} > {signature.name}`"
    first = signature.required[0].name.id if signature.required else ""
    if signature.kind(first) is ExprKind.NUMBER and isinstance(extra[0].value, Number):
        help += f"; a stride is written `{signature.sample()}/2`"
    return help


def _missing(
    signature: Signature, expr: Name | Call, missing: list[str], declared: tuple[Label, ...]
) -> Diagnostic:
    wanted = " and ".join(f"`{name}`" for name in missing)
    bare = not (isinstance(expr, Call) and expr.arguments)
    value = SAMPLES.get(signature.kind(missing[0]), "...")
    label = f"write `{signature.sample()}`" if bare else f"add `{missing[0]} = {value}`"
    values = "a value" if len(missing) == 1 else "values"
    return Diagnostic(
        "E0401", f"`{signature.name}` needs {values} for {wanted}", Label(expr.span, label), declared
    )
