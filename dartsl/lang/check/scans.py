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

    @property
    def carries(self) -> tuple[str, ...]:
        """The inputs that it names; from version 2 on there may be several, separated by commas."""
        if self.carry.span.source.version == 1:
            return (self.carry.value,)
        return tuple(name.strip() for name in self.carry.value.split(","))


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
    faults = [fault for fault in (_miscounted(call, cell),) if fault is not None]
    if faults:
        return faults
    for item in cell.inputs:
        if item.operation is not None:
            title = f"the cell `{cell.name}` cannot run along a sequence"
            label = Label(call.cell.span, f"its input `{item.name}` has an operation")
            other = (Label(item.operation.span, "prepared here"),)
            help = "put the operation on the edges, or into the network in front of the scan"
            faults.append(Diagnostic("E0610", title, label, other, help))
    names, carries = [item.name for item in cell.inputs], call.carries
    for place, name in enumerate(carries):
        again = name in carries[:place]
        if name in names and not again:
            continue
        title = f"the cell `{cell.name}` has no input `{name}`"
        label = Label(call.carry.span, "what the cell gives is to enter here at the next element")
        if again:
            title = f"`{name}` is named twice"
            label = Label(call.carry.span, "each carry is an input of its own")
        help = "its inputs are " + ", ".join(f"`{each}`" for each in names[:-1]) + f" and `{names[-1]}`"
        faults.append(Diagnostic("E0608", title, label, (Label(cell.span, "declared here"),), help))
    return faults


def _miscounted(call: ScanCall, cell: Cell) -> Diagnostic | None:
    """E0610 for a cell that has not one input more than carries, or not as many outputs."""
    title = f"the cell `{cell.name}` cannot run along a sequence"
    declared = (Label(cell.span, "declared here"),)
    inputs, outputs, carries = len(cell.inputs), len(cell.outputs), len(call.carries)
    if inputs == carries + 1 and outputs == carries:
        return None
    if carries == outputs == 1:
        label = Label(call.cell.span, f"it has {inputs} input{'s' * (inputs != 1)}; one that runs has 2")
        help = "its inputs are the element and the carry"
        if inputs > 2 and call.carry.span.source.version > 1:
            help += '; one with several, `carry = "h, c"`, gives the next one of each: `output h2, c2`'
        return Diagnostic("E0610", title, label, declared, help)
    counts = f"{inputs} input{'s' * (inputs != 1)} and {outputs} output{'s' * (outputs != 1)}"
    label = Label(call.cell.span, f"it has {counts}")
    named = Label(call.carry.span, f"{carries} carr{'y is' if carries == 1 else 'ies are'} named here")
    help = "its inputs are the element and the carries, its outputs the next carries in order"
    return Diagnostic("E0610", title, label, (named, *declared), help)


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
            if len(inputs) > 2 and node.item_span.source.version > 1:
                help = "a cell with a `highway` has two inputs, the element and one carry"
            faults.append(Diagnostic("E0311", title, label, given, help))
    return faults
