"""Values that can be judged where they are written: kernels, counts, strides, arms (E0405, E0404)."""

from __future__ import annotations

from fractions import Fraction

from dartsl.lang.check.constants import fold, number
from dartsl.lang.check.model import CHANGES, KEEPS
from dartsl.lang.check.signatures import Signature
from dartsl.lang.codes import e04, e04_values
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
    label = f"the exponent must be within {MAX_EXPONENT}"
    return e04_values.out_of_range(literal.span, literal.lexeme, label)


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
    code = "E0503" if kind == "width" else "E0405"
    label, declared = f"this must be {accepted}", Label(signature.span, f"declared as {signature}")
    given = shown(constant)
    return e04_values.bad_value(code, value.span, signature.name, parameter, given, label, help, declared)


def count(expr: Binary) -> Diagnostic | None:
    """E0405 for a repetition or a stride by a constant that is no whole number from 1."""
    constant = fold(expr.right)
    if constant is None or (constant.denominator == 1 and constant >= 1):
        return None
    what = "repeat an operation" if expr.operator == "*" else "stride by"
    times = f" {shown(constant)} times" if expr.operator == "*" else f" {shown(constant)}"
    return e04_values.bad_count(expr.right.span, f"{what}{times}")


def division(expr: Binary) -> Diagnostic | None:
    """E0405 for a quotient of numbers by 0."""
    if expr.operator != "/" or fold(expr.right) != 0:
        return None
    return e04_values.by_zero(expr.right.span)


def shape_arms(expr: Match) -> list[Diagnostic]:
    """Arms of a `match shape`, which has `keeps` and `changes`, each once."""
    faults = []
    first: dict[str, Name] = {}
    for arm in expr.arms:
        value = arm.value
        if isinstance(value, Number) or value.id not in (KEEPS, CHANGES):
            either = f"`{KEEPS}` or `{CHANGES}`"
            faults.append(e04_values.expected(value.span, either, "this is neither", SHAPE_FORM))
        elif value.id in first:
            faults.append(e04.second_arm(value.span, f"`{value.id}`", first[value.id].span))
        else:
            first[value.id] = value
    missing = [name for name in (KEEPS, CHANGES) if name not in first]
    if missing and not faults:
        faults.append(e04_values.missing_arm(expr.subject.span, missing[0], SHAPE_FORM))
    return faults


def arms(expr: Match) -> list[Diagnostic]:
    """Arms for the same stride, and for a stride of 0."""
    faults = []
    first: dict[Fraction | None, Number] = {}
    for arm in expr.arms:
        if isinstance(arm.value, Name):
            label = "a stride is a whole number from 1"
            faults.append(e04_values.expected(arm.value.span, "a stride", label))
            continue
        stride = number(arm.value)
        if stride == 0:
            faults.append(e04_values.no_stride(arm.value.span))
        elif stride in first:
            again = arm.value.span
            faults.append(e04.second_arm(again, f"stride {arm.value.lexeme}", first[stride].span))
        first.setdefault(stride, arm.value)
    return faults
