"""A stage's expression as the layers it stands for: chains, repetitions and strides of cells and ops. And a `scan`: its
dropouts worked out, and what the inputs of its cell hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from dartsl.lang.check.model import Cell
from dartsl.lang.check.scans import ScanCall
from dartsl.lang.codes import e04, e04_values
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.limits import MAX_LAYERS, too_large
from dartsl.lang.codes.source import Span
from dartsl.lang.plan.evaluate import Environment, FaultError, NoArmError, evaluate, whole
from dartsl.lang.plan.terms import Scan
from dartsl.lang.records.accepted import LARGEST_KERNEL, wanted
from dartsl.lang.records.tensors import Tensor
from dartsl.lang.records.widths import Width, shown
from dartsl.lang.syntax.ast import Binary, Chain, Expr


@dataclass(frozen=True)
class Item:
    """One layer of a stage: a cell's name or an op expression, its stride, and where it is written."""

    expr: Expr
    stride: int
    span: Span


class StageReader:
    """Reads the stages of one network (language rule 13).

    A count or a stride that cannot be is appended to `faults` and taken for 1, so that the rest can be read.
    """

    def __init__(self, scope: Environment, faults: list[Diagnostic]) -> None:
        self._scope = scope
        self._faults = faults

    def items(self, layers: Expr, room: int = MAX_LAYERS) -> tuple[Item, ...]:
        """The layers of a stage in order. Raises FaultError (E0310) where there are more than `room`."""
        count = self._count(layers)
        if count > room:
            raise FaultError(too_large(layers.span, "layers", MAX_LAYERS - room + count, MAX_LAYERS))
        return tuple(self._items(layers, None))

    def _count(self, expr: Expr) -> int:
        """How many layers an expression stands for, without building them."""
        match expr:
            case Chain():
                return sum(self._count(step) for step in expr.steps)
            case Binary(operator="*"):
                return self._count(expr.left) * self._whole(expr.right, "a repetition", 10**9)
            case Binary(operator="/"):
                return self._count(expr.left)
        return 1

    def _whole(self, expr: Expr, what: str, high: int) -> int:
        try:
            return whole(expr, self._scope, what, high=high)
        except FaultError as error:
            self._faults.append(error.diagnostic)
        except NoArmError as error:
            self._faults.append(
                e04.cannot_stride(error.match.span, f"no arm for stride {error.stride}", None)
            )
        return 1

    def _items(self, expr: Expr, stride: tuple[int, Span] | None) -> Iterator[Item]:
        """The layers of an expression; the first element takes `stride`, if one is written, at that place."""
        match expr:
            case Chain():
                if stride is not None:
                    self._misplaced(expr)
                for step in expr.steps:
                    yield from self._items(step, None)
            case Binary(operator="*"):
                for turn in range(self._whole(expr.right, "a repetition", 10**9)):
                    yield from self._items(expr.left, None if turn else stride)
            case Binary(operator="/"):
                if stride is not None:
                    self._misplaced(expr)
                yield from self._items(
                    expr.left, (self._whole(expr.right, "a stride", LARGEST_KERNEL), expr.span)
                )
            case _:
                asked, span = stride or (1, expr.span)
                yield Item(expr, asked, span)

    def _misplaced(self, expr: Expr) -> None:
        label = "`/` applies to a cell, an operation or a repetition"
        self._faults.append(e04.cannot_stride(expr.span, label, "write `/` after the layer that strides"))


def scan_of(call: ScanCall, scope: Environment) -> Scan:
    """The scan that a sound call asks for. Raises FaultError (E0402, E0405) for a dropout out of 0 to 1."""
    rates = {name: _rate(name, value, scope) for name, value in call.dropouts.items()}
    dropouts = rates.get("dropout_x", 0.0), rates.get("dropout_h", 0.0)
    return Scan(call.carries, *dropouts, linears=call.carry.span.source.version > 1)


def _rate(name: str, expr: Expr, scope: Environment) -> float:
    try:
        value = evaluate(expr, scope)
    except NoArmError:
        value = False
    if isinstance(value, bool) or not isinstance(value, Fraction):
        raise FaultError(e04_values.expected(expr.span, "a number", "this is not a number"))
    needed = wanted("rate", value)
    if needed is not None:
        label = f"this must be {needed}"
        raise FaultError(e04_values.bad_value("E0405", expr.span, "scan", name, shown(value), label, None))
    return float(value)


def input_tensors(cell: Cell, carries: tuple[str, ...], element: Width, width: Width) -> tuple[Tensor, ...]:
    """What the inputs of a cell hold at each step: vectors, in the order of its inputs."""
    return tuple(Tensor(width if item.name in carries else element, ()) for item in cell.inputs)
