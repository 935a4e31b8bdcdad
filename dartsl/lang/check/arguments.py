"""The arguments of a call, matched with parameters (E0401), and what to write for those that do not fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dartsl.lang.check.kinds import ExprKind
from dartsl.lang.check.matched import matched
from dartsl.lang.check.signatures import SAMPLES, Signature
from dartsl.lang.codes import e04_values
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
    declared = Label(signature.span, f"declared as {signature}")
    found = matched([p.name.id for p in signature.parameters], expr, width=signature.width)
    faults: list[Diagnostic] = []
    extra: list[Argument] = []
    for argument, reason in found.misfits:
        if reason == "too many":
            extra.append(argument)
        elif reason == "after named":
            faults.append(e04_values.after_named(argument.span))
        elif argument.name is not None and reason == "unknown":
            seek = len(faults) < MAX_SUGGESTIONS
            help = _remedy(signature, expr, argument, argument.name) if seek else None
            faults.append(
                e04_values.no_parameter(argument.span, signature.name, argument.name.id, declared, help)
            )
        else:
            name = argument.name.id if argument.name else ""
            faults.append(e04_values.given_twice(argument.span, name, found.given[name].span))
    if extra and isinstance(expr, Call):
        faults.append(_too_many(signature, len(expr.arguments), extra, declared))
    missing = [p.name.id for p in signature.required if p.name.id not in found.given]
    if missing and not faults:
        faults.append(_missing(signature, expr, missing, declared))
    values = {name: argument.value for name, argument in found.given.items()}
    stray = [argument for argument, reason in found.misfits if reason != "too many"]
    return Binding(values, found.given, (*stray, *extra), tuple(faults))


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
    if (later := signature.since(name.id)) > name.span.source.version:
        return f"`{name.id}` of `{signature.name}` needs `darts {later}` at the top of the file"
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


def _too_many(signature: Signature, given: int, extra: list[Argument], declared: Label) -> Diagnostic:
    takes = len(signature.parameters)
    most = "at most " if len(signature.required) < takes else ""
    accepted = f"{most}{takes} argument{'s' * (takes != 1)}, not {given}" if takes else "no arguments"
    places = [argument.span for argument in extra]
    return e04_values.too_many(places, signature.name, accepted, declared, _without(signature, extra))


def _without(signature: Signature, extra: list[Argument]) -> str:
    help = "leave it out" if len(extra) == 1 else "leave them out"
    value = extra[0].value
    if signature.builtin and not signature.parameters and not isinstance(value, Number | String | Boolean):
        return f"operations are chained: `{print_expr(value)} > {signature.name}`"
    first = signature.required[0].name.id if signature.required else ""
    if signature.kind(first) is ExprKind.NUMBER and isinstance(extra[0].value, Number):
        help += f"; a stride is written `{signature.sample()}/2`"
    return help


def _missing(signature: Signature, expr: Name | Call, missing: list[str], declared: Label) -> Diagnostic:
    bare = not (isinstance(expr, Call) and expr.arguments)
    value = SAMPLES.get(signature.kind(missing[0]), "...")
    label = f"write `{signature.sample()}`" if bare else f"add `{missing[0]} = {value}`"
    return e04_values.missing(expr.span, signature.name, missing, label, declared)
