"""A stage's expression as the layers it stands for: chains, repetitions and strides of cells and ops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dartsl.lang.diagnostics import Diagnostic
from dartsl.lang.evaluate import FaultError, Scope, whole
from dartsl.lang.limits import MAX_LAYERS, too_large
from dartsl.lang.op_faults import cannot_stride
from dartsl.lang.primitives import LARGEST_KERNEL
from dartsl.lang.source import Span
from dartsl.lang.syntax import Binary, Chain, Expr


@dataclass(frozen=True)
class Item:
    """One layer of a stage: a cell's name or an op expression, its stride, and where it is written."""

    expr: Expr
    stride: int
    span: Span


def stage_items(layers: Expr, scope: Scope) -> tuple[Item, ...]:
    """The layers of a stage in order. Raises FaultError (E0310, E0402, E0405, E0410)."""
    count = _count(layers, scope)
    if count > MAX_LAYERS:
        raise FaultError(too_large(layers.span, "layers", count, MAX_LAYERS))
    return tuple(_items(layers, scope, None))


def _count(expr: Expr, scope: Scope) -> int:
    """How many layers an expression stands for, without building them."""
    match expr:
        case Chain():
            return sum(_count(step, scope) for step in expr.steps)
        case Binary(operator="*"):
            return _count(expr.left, scope) * whole(expr.right, scope, "a repetition")
        case Binary(operator="/"):
            return _count(expr.left, scope)
    return 1


def _items(expr: Expr, scope: Scope, stride: tuple[int, Span] | None) -> Iterator[Item]:
    """The layers of an expression; the first element takes `stride`, if one is written, at that place."""
    match expr:
        case Chain() if stride is None:
            for step in expr.steps:
                yield from _items(step, scope, None)
        case Chain():
            raise FaultError(_misplaced(expr))
        case Binary(operator="*"):
            for turn in range(whole(expr.right, scope, "a repetition")):
                yield from _items(expr.left, scope, None if turn else stride)
        case Binary(operator="/") if stride is None:
            asked = whole(expr.right, scope, "a stride", high=LARGEST_KERNEL)
            yield from _items(expr.left, scope, (asked, expr.span))
        case Binary(operator="/"):
            raise FaultError(_misplaced(expr))
        case _:
            asked, span = stride or (1, expr.span)
            yield Item(expr, asked, span)


def _misplaced(expr: Expr) -> Diagnostic:
    label = "`/` stands behind a cell, an operation or a repetition"
    return cannot_stride(expr.span, label, "write `/` behind the layer that strides")
