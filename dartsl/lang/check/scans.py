"""`scan(cell, carry = "h", dropout_x = 0.75, dropout_h = 0.25)`: a cell that runs along a sequence (rule 19)."""

from __future__ import annotations

from dataclasses import dataclass

from dartsl.lang.check.matched import matched
from dartsl.lang.check.model import Cell
from dartsl.lang.codes import e03, e04_values, e06
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.syntax.ast import Call, Expr, Name, String

DROPOUTS = ("dropout_x", "dropout_h")
NAMES = ("cell", "carry", *DROPOUTS)
FORM = 'write `scan(cell, carry = "h", dropout_x = 0, dropout_h = 0)`; the dropouts may be left out'
SEVERAL = FORM + '; several carries stand in one string, `carry = "h, c"`'  # darts 2


@dataclass(frozen=True)
class ScanCall:
    """The arguments of a `scan`; a dropout that is left out is None."""

    cell: Name
    carry: String
    dropouts: dict[str, Expr]

    @property
    def carries(self) -> tuple[str, ...]:
        """The inputs that it names; from version 2 on there may be several, separated by commas."""
        if self.carry.span.source.version == 1:
            return (self.carry.value,)
        return tuple(name.strip() for name in self.carry.value.split(","))


def read_scan(expr: Name | Call) -> ScanCall | Diagnostic:
    """The arguments of a `scan`, or E0401 or E0402 where they do not fit."""
    form = FORM if expr.span.source.version == 1 else SEVERAL
    found = matched(NAMES, expr)
    if found.misfits:
        return e04_values.bad_scan_argument(found.misfits[0][0].span, form)
    values = {name: argument.value for name, argument in found.given.items()}
    cell, carry = values.pop("cell", None), values.pop("carry", None)
    if cell is None or carry is None:
        return e04_values.incomplete_scan(expr.span, "cell" if cell is None else "carry", form)
    if not isinstance(cell, Name):
        return e04_values.expected(cell.span, "a cell", "this is not a cell", form)
    if not isinstance(carry, String):
        label = "the name of an input of the cell, in double quotes"
        return e04_values.expected(carry.span, "a string", label, form)
    return ScanCall(cell, carry, values)


def cell_faults(call: ScanCall, cell: Cell) -> list[Diagnostic]:
    """E0610 for a cell that cannot run along a sequence, E0608 for a carry that is none of its inputs."""
    faults = [fault for fault in (_miscounted(call, cell),) if fault is not None]
    if faults:
        return faults
    for item in cell.inputs:
        if item.operation is not None:
            label, other = (
                f"its input `{item.name}` has an operation",
                Label(item.operation.span, "prepared here"),
            )
            help = "put the operation on the edges, or into the network in front of the scan"
            faults.append(e06.cannot_run(call.cell.span, cell.name, label, help, other))
    names, carries = [item.name for item in cell.inputs], call.carries
    for place, name in enumerate(carries):
        again = name in carries[:place]
        if name in names and not again:
            continue
        help = "its inputs are " + ", ".join(f"`{each}`" for each in names[:-1]) + f" and `{names[-1]}`"
        place_of = call.carry.span
        faults.append(
            e06.second_carry(place_of, name, cell.span, help)
            if again
            else e06.no_carry(place_of, cell.name, name, cell.span, help)
        )
    return faults


def _miscounted(call: ScanCall, cell: Cell) -> Diagnostic | None:
    """E0610 for a cell that has not one input more than carries, or not as many outputs."""
    declared = Label(cell.span, "declared here")
    inputs, outputs, carries = len(cell.inputs), len(cell.outputs), len(call.carries)
    if inputs == carries + 1 and outputs == carries:
        return None
    if carries == outputs == 1:
        label = f"it has {inputs} input{'s' * (inputs != 1)}; one that runs has 2"
        help = "its inputs are the element and the carry"
        if inputs > 2 and call.carry.span.source.version > 1:
            help += '; one with several, `carry = "h, c"`, gives the next one of each: `output h2, c2`'
        return e06.cannot_run(call.cell.span, cell.name, label, help, declared)
    counts = f"{inputs} input{'s' * (inputs != 1)} and {outputs} output{'s' * (outputs != 1)}"
    named = Label(call.carry.span, f"{carries} carr{'y is' if carries == 1 else 'ies are'} named here")
    help = "its inputs are the element and the carries, its outputs the next carries in order"
    return e06.cannot_run(call.cell.span, cell.name, f"it has {counts}", help, named, declared)


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
            given = tuple(Label(edge.span, f"`{edge.name}`") for edge in edges[:3])
            help = "lead one `identity` edge from each of the two inputs to it, and nothing else"
            if len(inputs) > 2 and node.item_span.source.version > 1:
                help = "a cell with a `highway` has two inputs, the element and one carry"
            place = node.merge_span or node.item_span
            faults.append(e03.bad_highway(place, node.declared, given, help))
    return faults
