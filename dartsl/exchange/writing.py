"""The cells of a decided spec -> the texts that other tools read."""

from __future__ import annotations

import re
from collections.abc import Callable

from dartsl.exchange.genotype import Genotype, Nasbench, Part, Recurrent, Wire
from dartsl.exchange.nasbench import nasbench_text
from dartsl.exchange.operations import FAMILIES, IMAGE_OPS, NASBENCH_OPS, RECURRENT_OPS, definition
from dartsl.lang.check.model import Cell, Spec
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.terms import CellLayer, Plan
from dartsl.lang.syntax.library import in_library
from dartsl.lang.syntax.printer import print_expr


def genotype_text(spec: Spec, plan: Plan) -> str:
    """`Genotype(...)` of a network's cells, on one line. Raises UserError where a Genotype cannot express them."""
    cells = _decided(plan, "Genotype")
    if len(cells) == 1 and any(node.merge == "highway" for node in cells[0].nodes):
        return genotype_literal(recurrent_of(cells[0], spec))
    return genotype_literal(_image_genotype(spec, plan))


def nasbench_string(spec: Spec, plan: Plan) -> str:
    """NAS-Bench-201's string of a network's cell. Raises UserError where it cannot express it."""
    cells = _decided(plan, "string of NAS-Bench-201")
    if len(cells) != 1 or len(cells[0].inputs) != 1 or cells[0].inputs[0].operation is not None:
        raise _not_expressed("string of NAS-Bench-201", "it has one cell with one input, taken as it is")
    cell = cells[0]
    back = {spelling: name for name, spelling in NASBENCH_OPS.items()}
    nodes = []
    for number, wires in enumerate(_wires(cell, back.get, "string of NAS-Bench-201")):
        given = {wire.source: wire.operation for wire in wires}
        if len(given) != len(wires):
            raise _not_expressed("string of NAS-Bench-201", f"two edges of cell `{cell.name}` are twins")
        nodes.append(tuple(Wire(given.get(source, "none"), source) for source in range(number + 1)))
    if cell.output.nodes != (cell.nodes[-1].name,):
        raise _not_expressed("string of NAS-Bench-201", "its cell gives its last node")
    return nasbench_text(Nasbench(tuple(nodes)))


def genotype_literal(found: Genotype | Recurrent) -> str:
    """The literal: flat pairs where each node has two, else a list a node; as in the authors' files."""
    if isinstance(found, Recurrent):
        pairs = [(node[0].operation, node[0].source) for node in found.cell.nodes]
        concat = found.cell.concat
        counting = concat == tuple(range(concat[0], concat[0] + len(concat)))
        shown = f"range({concat[0]}, {concat[-1] + 1})" if counting else str(list(concat))
        return f"Genotype(recurrent={pairs}, concat={shown})"
    parts = {"normal": found.normal, "reduce": found.reduce}
    texts = [f"{name}={_pairs(part)}, {name}_concat={list(part.concat)}" for name, part in parts.items()]
    return f"Genotype({', '.join(texts)})"


def recurrent_of(cell: Cell, spec: Spec) -> Recurrent:
    """A recurrent cell as data. Raises UserError where a Genotype cannot express it."""
    first, *nodes = cell.nodes
    into_first = cell.incoming(first.name)
    plain = all(edge.candidates[0].label == "identity" for edge in into_first)
    if first.merge != "highway" or len(cell.inputs) != 2 or len(into_first) != 2 or not plain:
        raise _not_expressed("Genotype", f"cell `{cell.name}` does not begin with a highway of x and h")
    states = {node.name: number for number, node in enumerate(cell.nodes)}
    found = []
    for node in nodes:
        edges = cell.incoming(node.name)
        if node.merge != "sum" or len(edges) != 1 or edges[0].source not in states:
            raise _not_expressed("Genotype", f"node `{node.name}` is not the sum of one edge from a node")
        label = edges[0].candidates[0].label
        inner = re.fullmatch(r"gate\((\w+)\)", label)
        name = inner[1] if inner else label
        known = name in RECURRENT_OPS or (name in spec.operations and not _in_library(name, spec))
        if not known or (inner is None) != (name == "none"):
            raise _not_expressed(
                "Genotype", f"`{label}` has no name there", "give it a name of your own with `op`"
            )
        found.append((Wire(name, states[edges[0].source]),))
    if cell.output.merge not in ("mean", None) or first.name in cell.output.nodes:
        raise _not_expressed(
            "Genotype", f"cell `{cell.name}` does not give the mean of nodes after the first"
        )
    return Recurrent(Part(tuple(found), tuple(states[name] for name in cell.output.nodes)))


def _image_genotype(spec: Spec, plan: Plan) -> Genotype:
    roles: dict[str, dict[str, Cell]] = {"normal": {}, "reduce": {}}
    for layer in plan.layers:
        if isinstance(layer, CellLayer):
            roles["normal" if layer.stride == 1 else "reduce"][layer.cell.name] = layer.cell
    for role, cells in roles.items():
        if len(cells) != 1:
            names = ", ".join(f"`{name}`" for name in cells) or "none"
            what = "keeps the size" if role == "normal" else "halves the size"
            raise _not_expressed("Genotype", f"it needs one cell that {what}, and the network has {names}")
    parts = {role: _part(spec, cell) for role, cells in roles.items() for cell in cells.values()}
    return Genotype(parts["normal"], parts["reduce"])


def _part(spec: Spec, cell: Cell) -> Part:
    prepared = [item.operation is not None and print_expr(item.operation) for item in cell.inputs]
    if prepared != ["preprocess", "preprocess"]:
        raise _not_expressed("Genotype", f"cell `{cell.name}` has not two inputs with `preprocess`")
    nodes = tuple(_wires(cell, lambda label: _image_name(label, spec), "Genotype"))
    if cell.output.merge not in ("concat", None):
        raise _not_expressed(
            "Genotype", f"cell `{cell.name}` gives a {cell.output.merge}, not a concatenation"
        )
    numbers = {node.name: number + 2 for number, node in enumerate(cell.nodes)}
    return Part(nodes, tuple(numbers[name] for name in cell.output.nodes))


def _wires(cell: Cell, name: Callable[[str], str | None], what: str) -> list[tuple[Wire, ...]]:
    """The wires into each node, in order of declaration. `name` gives that of an operation there, if it has one."""
    names_in_order = [*(item.name for item in cell.inputs), *(node.name for node in cell.nodes)]
    states = {name: number for number, name in enumerate(names_in_order)}
    found = []
    for node in cell.nodes:
        edges = cell.incoming(node.name)
        if node.merge != "sum" or not edges:
            raise _not_expressed(what, f"node `{node.name}` of cell `{cell.name}` is not a sum of edges")
        wires = []
        for edge in edges:
            label = edge.candidates[0].label
            named = name(label)
            if named is None:
                raise _not_expressed(
                    what,
                    f"`{label}` on the edge {edge.source} -> {edge.target} has no name there",
                    "give it a name of your own with `op`" if what == "Genotype" else None,
                )
            wires.append(Wire(named, states[edge.source]))
        found.append(tuple(wires))
    return found


def _in_library(name: str, spec: Spec) -> bool:
    return in_library(spec.operations[name].span.source)


def _image_name(label: str, spec: Spec) -> str | None:
    """The name of an operation in a Genotype: that of the library or of a family, or the spec's own; None for others.

    An operation of the spec's own must not be called what stands for another one there.
    """
    called, _, argument = label.removesuffix(")").partition("(")
    declared = spec.operations.get(called)
    if declared is None or (argument and not argument.isdecimal()):
        return None
    if declared.body is not None and not _in_library(called, spec):
        body = definition(label)
        taken = label in IMAGE_OPS or (body is not None and body != print_expr(declared.body))
        return None if taken else label
    if not _in_library(called, spec):  # an extern op
        return label
    if not argument:
        return label if label in IMAGE_OPS else None
    name = FAMILIES[called].format(k=argument) if called in FAMILIES else ""
    return name if name in IMAGE_OPS or definition(name) is not None else None


def _pairs(part: Part) -> str:
    nodes = [[(wire.operation, wire.source) for wire in node] for node in part.nodes]
    flat = all(len(node) == 2 for node in nodes)
    return str([pair for node in nodes for pair in node] if flat else nodes)


def _decided(plan: Plan, what: str) -> tuple[Cell, ...]:
    cells = plan.cells()
    if not plan.decided:
        raise _not_expressed(what, "the network leaves choices open", "search first, and export the run")
    if not cells:
        raise _not_expressed(what, "the network has no cell")
    if (nested := plan.nested()) is not None:
        raise _not_expressed(what, f"cell `{nested[0]}` holds the cell `{nested[1]}`")
    for cell in cells:
        if cell.further:
            raise _not_expressed(what, f"cell `{cell.name}` has {len(cell.outputs)} outputs")
        for node in cell.merging:
            raise _not_expressed(what, f"operations follow the merge of node `{node}` of cell `{cell.name}`")
    return cells


def _not_expressed(what: str, why: str, help: str | None = None) -> UserError:
    return UserError(f"a {what} cannot express this: {why}", help)
