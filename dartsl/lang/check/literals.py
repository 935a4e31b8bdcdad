"""Values that can be judged where they are written: kernels, counts, strides, arms (E0405, E0404)."""

from __future__ import annotations

from fractions import Fraction

from dartsl.lang.check.constants import fold, number
from dartsl.lang.check.model import CHANGES, KEEPS
from dartsl.lang.check.signatures import Signature
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.records.accepted import LARGEST_KERNEL, kernel_help, wanted
from dartsl.lang.records.primitives import PRIMITIVES
from dartsl.lang.records.widths import MAX_EXPONENT, shown
from dartsl.lang.syntax.ast import Binary, Expr, Match, Name, Number

SHAPE_FORM = f"write `match shape {{ {KEEPS} => ..., {CHANGES} => ... }}`"


def out_of_range(literal: Number) -> Diagnostic | None:
    """E0405 for a number whose exponent is out of reach."""
    if number(literal) is not None:
        return None
    label = Label(literal.span, f"the exponent must be within {MAX_EXPONENT}")
    return Diagnostic("E0405", f"the number {literal.lexeme} is out of range", label)


def argument(signature: Signature, parameter: str, value: Expr) -> Diagnostic | None:
    """E0405, or E0503 for a width, for a constant that the parameter of a primitive cannot take."""
    primitive = PRIMITIVES[signature.name]
    constant = fold(value)
    if constant is None:
        return None
    kinds = {each.name: each.kind for each in primitive.signature}
    kind = kinds.get(parameter, "any")
    pool = primitive.has("pool")
    if kind in ("boolean", "share", "tie"):
        return None
    accepted = wanted(kind, constant)
    odd = kind == "kernel" or (kind == "patch" and value.span.source.version == 1)
    if odd and not pool and (accepted is not None or constant % 2 == 0):
        accepted = f"an odd number from 1 to {LARGEST_KERNEL}"
    if accepted is None:
        return None
    help = kernel_help(constant) if kind in ("kernel", "patch") else None
    title = f"`{signature.name}` cannot have {parameter} = {shown(constant)}"
    declared = (Label(signature.span, f"declared as {signature}"),)
    code = "E0503" if kind == "width" else "E0405"
    return Diagnostic(code, title, Label(value.span, f"this must be {accepted}"), declared, help)


def count(expr: Binary) -> Diagnostic | None:
    """E0405 for a repetition or a stride by a constant that is no whole number from 1."""
    constant = fold(expr.right)
    if constant is None or (constant.denominator == 1 and constant >= 1):
        return None
    what = "repeat an operation" if expr.operator == "*" else "stride by"
    times = f" {shown(constant)} times" if expr.operator == "*" else f" {shown(constant)}"
    return Diagnostic(
        "E0405", f"cannot {what}{times}", Label(expr.right.span, "this must be a whole number from 1")
    )


def division(expr: Binary) -> Diagnostic | None:
    """E0405 for a quotient of numbers by 0."""
    if expr.operator != "/" or fold(expr.right) != 0:
        return None
    return Diagnostic("E0405", "division by zero", Label(expr.right.span, "this is 0"))


def shape_arms(expr: Match) -> list[Diagnostic]:
    """Arms of a `match shape`, which has `keeps` and `changes`, each once."""
    faults = []
    first: dict[str, Name] = {}
    for arm in expr.arms:
        value = arm.value
        if isinstance(value, Number) or value.id not in (KEEPS, CHANGES):
            label = Label(value.span, "this is neither")
            faults.append(Diagnostic("E0402", f"expected `{KEEPS}` or `{CHANGES}`", label, help=SHAPE_FORM))
        elif value.id in first:
            before = (Label(first[value.id].span, "this arm is taken"),)
            label = Label(value.span, "again here")
            faults.append(Diagnostic("E0404", f"`{value.id}` has two arms", label, before))
        else:
            first[value.id] = value
    missing = [name for name in (KEEPS, CHANGES) if name not in first]
    if missing and not faults:
        label = Label(expr.subject.span, f"it has no arm `{missing[0]}`")
        faults.append(Diagnostic("E0402", "`match shape` has two arms", label, help=SHAPE_FORM))
    return faults


def arms(expr: Match) -> list[Diagnostic]:
    """Arms for the same stride, and for a stride of 0."""
    faults = []
    first: dict[Fraction | None, Number] = {}
    for arm in expr.arms:
        if isinstance(arm.value, Name):
            label = Label(arm.value.span, "a stride is a whole number from 1")
            faults.append(Diagnostic("E0402", "expected a stride", label))
            continue
        stride = number(arm.value)
        if stride == 0:
            label = Label(arm.value.span, "a stride is a whole number from 1")
            faults.append(Diagnostic("E0405", "no operation has stride 0", label))
        elif stride in first:
            again = Label(arm.value.span, "again here")
            before = (Label(first[stride].span, "this arm is taken"),)
            faults.append(Diagnostic("E0404", f"stride {arm.value.lexeme} has two arms", again, before))
        first.setdefault(stride, arm.value)
    return faults
