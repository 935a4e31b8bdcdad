"""Operations that do not give the stride asked of them (E0501), and where to write it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dartsl.lang.check.model import Operation
from dartsl.lang.codes import e05
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.source import Span
from dartsl.lang.plan.op_faults import stride_text
from dartsl.lang.plan.parts import Part
from dartsl.lang.records.primitives import PRIMITIVES
from dartsl.lang.records.record import MERGES
from dartsl.lang.syntax.ast import Binary, Call, Chain, Expr, Name
from dartsl.lang.syntax.printer import print_expr
from dartsl.lang.syntax.spelling import spell

_SHOWN = 40  # characters of an operation that a help repeats


def stride_fault(
    text: str, expr: Expr, span: Span, part: Part, asked: int, operations: Mapping[str, Operation]
) -> Diagnostic:
    """E0501 for an operation that gives another stride than the one asked, or has no arm for it."""
    if part.missing is not None:
        known = " or ".join(spell(arm.value) for arm in part.missing.arms[:4])
        return e05.no_arm(span, text, asked, part.missing.span, known)
    remedy = _help(text, expr, part, operations) if asked != 1 else None
    return e05.other_stride(span, text, asked, stride_text(part.stride), remedy)


def _help(text: str, expr: Expr, part: Part, operations: Mapping[str, Operation]) -> str:
    if part.stride is None:
        return "it gives one value for the whole image: it belongs in a head or in a branch of a merge"
    if part.stride[0] != part.stride[1]:
        return "it strides along one axis only: chain `conv_across(k)/stride > conv_down(k)/stride`"
    if part.stride != (1, 1):
        return "write `/stride` in place of the strides that are written in it, or `match stride`"
    short = text if len(text) <= _SHOWN else "..."
    none = f"no step of it can stride: write `max_pool(3)/stride > {short}`, or `match stride`"
    return _remedy(expr, operations, "") or none


def _remedy(expr: Expr, operations: Mapping[str, Operation], home: str) -> str | None:
    """What to write where a step can stride; `home` is the `op` whose body the expression is."""
    place = f" in `op {home}`" if home else ""
    for step in _steps(expr) if isinstance(expr, Chain | Binary) else ():
        if _strides(step, operations, home):
            return f"write `{print_expr(step)}/stride`{place}"
    if isinstance(expr, Call) and expr.function.id in MERGES:
        branches = [step for each in expr.arguments for step in _steps(each.value)]
        strided = any(_strides(step, operations, home) for step in branches)
        return f"write `/stride` in each branch of the `{expr.function.id}`{place}" if strided else None
    operation = operations.get(_called(expr))
    if operation is None or operation.body is None or operation.name == home:
        return None
    return _remedy(operation.body, operations, operation.name)


def _steps(expr: Expr) -> tuple[Expr, ...]:
    return expr.steps if isinstance(expr, Chain) else (expr,)


def _strides(expr: Expr, operations: Mapping[str, Operation], home: str) -> bool:
    """Whether a step strides where a `/` after it asks for that; a repetition's first element does."""
    while isinstance(expr, Binary) and expr.operator == "*":
        expr = expr.left
    return _can_stride(expr, operations) or (not home and _is_cell(expr, operations))


def _can_stride(expr: Expr, operations: Mapping[str, Operation], depth: int = 0) -> bool:
    """Whether a name or a call strides where it is asked to."""
    operation = operations.get(_called(expr))
    if operation is None or depth > 8:
        return False
    if operation.body is None:
        return not operation.builtin or PRIMITIVES[operation.name].can_stride
    uses_stride = re.search(r"\bstride\b", print_expr(operation.body)) is not None
    return uses_stride or _can_stride(operation.body, operations, depth + 1)


def _is_cell(expr: Expr, operations: Mapping[str, Operation]) -> bool:
    """Whether a step of a candidate is a cell: a name that is neither an operation nor a merge."""
    name = _called(expr)
    return name != "" and name not in operations and name not in MERGES


def _called(expr: Expr) -> str:
    return expr.id if isinstance(expr, Name) else expr.function.id if isinstance(expr, Call) else ""
