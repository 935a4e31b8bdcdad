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
from dartsl.lang.syntax.ast import Call, Chain, Expr, Name
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
    found = _strider(expr, operations, "")
    if found is None:
        short = text if len(text) <= _SHOWN else "..."
        return f"no step of it can stride: write `max_pool(3)/stride > {short}`, or `match stride`"
    step, home = found
    return f"write `{step}/stride` in `op {home}`" if home else f"write `{step}/stride`"


def _strider(expr: Expr, operations: Mapping[str, Operation], home: str) -> tuple[str, str] | None:
    """The first step of an operation that can stride, and the `op` whose body it stands in."""
    if isinstance(expr, Chain):
        steps = (
            step
            for step in expr.steps
            if _can_stride(step, operations) or (not home and _is_cell(step, operations))
        )
        return next(((print_expr(step), home) for step in steps), None)
    operation = operations.get(_called(expr))
    if operation is None or operation.body is None or operation.name == home:
        return None
    return _strider(operation.body, operations, operation.name)


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
