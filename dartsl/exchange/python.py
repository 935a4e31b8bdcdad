"""`Genotype(...)` literals of the DARTS family -> data.

    Genotype(normal=[('sep_conv_3x3', 1), ('skip_connect', 0), ...], normal_concat=range(2, 6), reduce=..., ...)
    Genotype(normal=[[('sep_conv_3x3', 1), ('skip_connect', 0)], ...], ...)     pairs a node, any number of them
    Genotype(normal=[('sep_conv_3x3', 1, 0.24), ...], ...)                      with weights, which are left out
    Genotype(normal=[('sep_conv_3x3', 2, 1), ...], ...)                         FairDARTS: into node 2, from state 1
    Genotype(recurrent=[('relu', 0), ...], concat=range(1, 9))

`dartsl.exchange.finding` says where in a text they stand.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from dartsl.exchange.finding import IMAGE_FIELDS, RECURRENT_FIELDS, Found
from dartsl.exchange.genotype import MAX_NODES, Genotype, Part, Recurrent, Wire, check_concat
from dartsl.exchange.literals import Reader
from dartsl.exchange.operations import IMAGE_OPS, RECURRENT_OPS, check_wire
from dartsl.lang.codes.diagnostics import UserError


def genotype_of(found: Found, reader: Reader) -> tuple[Genotype | Recurrent, list[str]]:
    """What a genotype says, and the names of its fields that say nothing of the cells. Raises UserError."""
    fields = RECURRENT_FIELDS if found.is_recurrent else IMAGE_FIELDS
    values = found.fields
    for name in fields:
        if name not in values:
            raise UserError(
                f"{reader.name}:{found.line}: this Genotype has no `{name}`", f"it needs {', '.join(fields)}"
            )
    others = [name for name, value in values.items() if name not in fields and not _is_empty(value)]
    if found.is_recurrent:
        return Recurrent(_recurrent(values["recurrent"], values["concat"], reader)), others
    normal = _part(values["normal"], values["normal_concat"], reader)
    return Genotype(normal, _part(values["reduce"], values["reduce_concat"], reader)), others


def _is_empty(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value in (None, "")


def _part(wires: ast.expr, concat: ast.expr, reader: Reader) -> Part:
    items = reader.sequence(wires)
    if not items:
        raise UserError(f"{reader.at(wires)}: this cell has no node")
    found = reader.integers(concat)
    if _names_its_node(items[0], reader):
        return _part_by_targets(items, found, reader)
    if _is_pair(items[0], reader):
        if len(items) % 2:
            raise UserError(
                f"{reader.at(wires)}: {len(items)} pairs are not two per node",
                "a node with another number of edges needs a list of its own: [[('op', 0), ...], ...]",
            )
        nodes = [items[start : start + 2] for start in range(0, len(items), 2)]
    else:
        nodes = [reader.sequence(item) for item in items]
    if len(nodes) > MAX_NODES or max(map(len, nodes)) > MAX_NODES:
        raise UserError(
            f"{reader.at(wires)}: more than {MAX_NODES} nodes, or edges into one, are not accepted"
        )
    read = []
    for number, node in enumerate(nodes):
        if not node:
            raise UserError(f"{reader.at(wires)}: node {number + 2} has no edge")
        read.append(tuple(_wire(pair, number, 2, IMAGE_OPS, reader) for pair in node))
    return Part(tuple(read), check_concat(found, len(nodes), 2, reader.at(concat)))


def _names_its_node(node: ast.expr, reader: Reader) -> bool:
    """Whether an edge is FairDARTS's triple of an operation, the node that it leads into, and where it comes from."""
    items = reader.sequence(node)
    return len(items) == 3 and all(reader.is_integer(item) for item in items[1:])


def _part_by_targets(items: Sequence[ast.expr], concat: tuple[int, ...], reader: Reader) -> Part:
    """A cell whose edges name the node that they lead into. A node without edges gives zeros: `none`."""
    nodes: dict[int, list[Wire]] = {}
    for item in items:
        parts = reader.sequence(item)
        if len(parts) != 3:
            raise UserError(
                f"{reader.at(item)}: an edge is an operation, its node and a number here, as before"
            )
        target = reader.integer(parts[1])
        if not 2 <= target < 2 + MAX_NODES:
            raise UserError(f"{reader.at(item)}: {target} is no node: they count from 2")
        wire = Wire(reader.string(parts[0]), reader.integer(parts[2]))
        known = None if reader.keep_unknown else IMAGE_OPS
        nodes.setdefault(target, []).append(check_wire(wire, target - 2, 2, known, reader.at(item)))
    last = max([*nodes, *(state for state in concat if state < 2 + MAX_NODES)])
    read = tuple(tuple(nodes.get(node, [Wire("none", 0)])) for node in range(2, last + 1))
    return Part(read, check_concat(concat, len(read), 2, reader.name))


def _recurrent(wires: ast.expr, concat: ast.expr, reader: Reader) -> Part:
    pairs = reader.sequence(wires)
    if not 1 <= len(pairs) <= MAX_NODES:
        raise UserError(f"{reader.at(wires)}: a recurrent cell has 1 to {MAX_NODES} nodes")
    nodes = tuple((_wire(pair, node, 1, RECURRENT_OPS, reader),) for node, pair in enumerate(pairs))
    return Part(nodes, check_concat(reader.integers(concat), len(nodes), 1, reader.at(concat)))


def _is_pair(node: ast.expr, reader: Reader) -> bool:
    items = reader.sequence(node)
    return bool(items) and not isinstance(items[0], ast.List | ast.Tuple)


def _wire(pair: ast.expr, node: int, inputs: int, known: Sequence[str], reader: Reader) -> Wire:
    items = reader.sequence(pair)
    weighted = len(items) == 3 and reader.is_number(items[2])
    if len(items) != 2 and not weighted:
        raise UserError(
            f"{reader.at(pair)}: an edge is a pair of an operation and a number, not {len(items)} items",
            "a third one may be its weight",
        )
    wire = Wire(reader.string(items[0]), reader.integer(items[1]))
    return check_wire(wire, node, inputs, None if reader.keep_unknown else known, reader.at(pair))
