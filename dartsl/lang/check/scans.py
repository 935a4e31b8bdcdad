"""`scan(cell, carry = "h", dropout_x = 0.75, dropout_h = 0.25)`: a cell that runs along a sequence (rule 19)."""

from __future__ import annotations

from dataclasses import dataclass

from dartsl.lang.check.model import Cell
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.syntax.ast import Call, Expr, Name, String

NAMES = ("cell", "carry", "dropout_x", "dropout_h")
FORM = 'write `scan(cell, carry = "h", dropout_x = 0, dropout_h = 0)`; the dropouts may be left out'


@dataclass(frozen=True)
class ScanCall:
    """The arguments of a `scan`; a dropout that is left out is None."""

    cell: Name
    carry: String
    dropouts: dict[str, Expr]


def read_scan(expr: Name | Call) -> ScanCall | Diagnostic:
    """The arguments of a `scan`, or E0401 or E0402 where they do not fit."""
    values: dict[str, Expr] = {}
    named = False
    for place, argument in enumerate(expr.arguments if isinstance(expr, Call) else ()):
        named = named or argument.name is not None
        name = argument.name.id if argument.name else None if named else dict(enumerate(NAMES)).get(place)
        if name not in NAMES or name in values:
            title = "this argument does not fit `scan`"
            return Diagnostic("E0401", title, Label(argument.span, "not accepted here"), help=FORM)
        values[name] = argument.value
    cell, carry = values.pop("cell", None), values.pop("carry", None)
    if cell is None or carry is None:
        title = f"`scan` needs a value for `{'cell' if cell is None else 'carry'}`"
        return Diagnostic("E0401", title, Label(expr.span, "it is missing here"), help=FORM)
    if not isinstance(cell, Name):
        return Diagnostic("E0402", "expected a cell", Label(cell.span, "this is not a cell"), help=FORM)
    if not isinstance(carry, String):
        label = Label(carry.span, "the name of an input of the cell, in double quotes")
        return Diagnostic("E0402", "expected a string", label, help=FORM)
    return ScanCall(cell, carry, values)


def cell_faults(call: ScanCall, cell: Cell) -> list[Diagnostic]:
    """E0610 for a cell that cannot run along a sequence, E0608 for a carry that is none of its inputs."""
    faults = []
    if len(cell.inputs) != 2:
        title = f"the cell `{cell.name}` cannot run along a sequence"
        count = len(cell.inputs)
        label = Label(call.cell.span, f"it has {count} input{'s' * (count != 1)}; one that runs has 2")
        other = (Label(cell.span, "declared here"),)
        help = "its inputs are the element and the carry"
        return [Diagnostic("E0610", title, label, other, help)]
    for item in cell.inputs:
        if item.operation is not None:
            title = f"the cell `{cell.name}` cannot run along a sequence"
            label = Label(call.cell.span, f"its input `{item.name}` has an operation")
            other = (Label(item.operation.span, "prepared here"),)
            help = "put the operation on the edges, or into the network in front of the scan"
            faults.append(Diagnostic("E0610", title, label, other, help))
    names = [item.name for item in cell.inputs]
    if call.carry.value not in names:
        title = f"the cell `{cell.name}` has no input `{call.carry.value}`"
        label = Label(call.carry.span, "what the cell gives is to enter here at the next element")
        help = "its inputs are " + " and ".join(f"`{name}`" for name in names)
        faults.append(Diagnostic("E0608", title, label, (Label(cell.span, "declared here"),), help))
    return faults


def merges_by_highway(cell: Cell) -> bool:
    """Whether a cell has a node that only a recurrent cell can have."""
    return any(node.merge == "highway" for node in cell.nodes)


def highway_faults(cell: Cell) -> list[Diagnostic]:
    """E0311 for a `highway` that merges anything but the cell's two inputs, as they are."""
    faults = []
    inputs = {item.name for item in cell.inputs}
    for node in cell.nodes:
        if node.merge != "highway":
            continue
        edges = cell.incoming(node.name)
        plain = all([c.label for c in edge.candidates] == ["identity"] for edge in edges)
        if len(inputs) != 2 or {edge.source for edge in edges} != inputs or len(edges) != 2 or not plain:
            title = f"`{node.name}` does not merge the element and the carry"
            label = Label(node.merge_span or node.item_span, "a `highway` merges both inputs of its cell")
            given = tuple(Label(edge.span, f"`{edge.source} -> {edge.target}`") for edge in edges[:3])
            help = "lead one `identity` edge from each of the two inputs to it, and nothing else"
            faults.append(Diagnostic("E0311", title, label, given, help))
    return faults
