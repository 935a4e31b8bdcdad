"""What a `scan` is in a plan: its dropouts worked out, and what the inputs of its cell hold."""

from __future__ import annotations

from fractions import Fraction

from dartsl.lang.check.model import Cell
from dartsl.lang.check.scans import ScanCall
from dartsl.lang.codes import e04_values
from dartsl.lang.plan.evaluate import Environment, FaultError, NoArmError, evaluate
from dartsl.lang.plan.terms import Scan
from dartsl.lang.records.accepted import wanted
from dartsl.lang.records.tensors import Tensor
from dartsl.lang.records.widths import Width, shown
from dartsl.lang.syntax.ast import Expr


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
