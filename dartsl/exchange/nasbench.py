"""NAS-Bench-201's cells to data and back.

|op~0|+|op~0|op~1|+|op~0|op~1|op~2|                     a string, alone or within any text
['|op~0|', '|op~0|op~1|', '|op~0|op~1|op~2|']           a string a node
[(('op', 0),), (('op', 0), ('op', 1)), ...]             pairs a node; an edge that is left out is `none`
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from dartsl.exchange.genotype import MAX_NODES, Nasbench, Wire
from dartsl.exchange.literals import Reader
from dartsl.exchange.operations import NASBENCH_OPS, check_wire
from dartsl.lang.codes.diagnostics import UserError

_EDGE = re.compile(r"([A-Za-z0-9_]+)~([0-9]{1,6})")
_NODE = re.compile(r"\|(?:[A-Za-z0-9_]{1,60}~[0-9]{1,6}\|){1,100}+")
_WHOLE = re.compile(rf"{_NODE.pattern}(?:\+{_NODE.pattern}){{1,100}}+")


def is_nasbench(text: str) -> bool:
    """Whether a text looks like one of these strings."""
    return text.startswith("|") and "~" in text


def strings_within(text: str) -> list[re.Match[str]]:
    """The strings of several nodes that stand in a text."""
    return list(_WHOLE.finditer(text))


def read_nasbench(text: str, source: str, keep_unknown: bool = False) -> Nasbench:
    """Raises UserError where the string is broken."""
    parts = text.strip().split("+")
    if len(parts) > MAX_NODES:
        raise UserError(f"{source}: more than {MAX_NODES} nodes are not accepted")
    nodes = []
    for number, part in enumerate(parts):
        place = f"{source}: node {number + 1}"
        part = part.strip()
        edges = [_EDGE.fullmatch(edge.strip()) for edge in part[1:-1].split("|")]
        matched = [edge for edge in edges if edge is not None]
        if len(part) < 2 or part[0] != "|" or part[-1] != "|" or len(matched) != len(edges):
            raise UserError(
                f"{place} is not written |op~0|op~1|...|", "as in |nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|"
            )
        wires = [Wire(edge[1], int(edge[2])) for edge in matched]
        nodes.append(_node(wires, number, place, keep_unknown))
    return Nasbench(tuple(nodes))


def read_nodes(node: ast.expr, reader: Reader) -> Nasbench | None:
    """The cell that a list of its nodes stands for; None for another value. Raises UserError where it is broken."""
    items = reader.sequence(node)
    texts = [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    if texts and len(texts) == len(items) and all(_NODE.fullmatch(text.strip()) for text in texts):
        return read_nasbench("+".join(texts), reader.name, reader.keep_unknown)
    try:
        nodes = [[reader.sequence(pair) for pair in reader.sequence(item)] for item in items]
        wires = [[Wire(reader.string(pair[0]), reader.integer(pair[1])) for pair in pairs] for pairs in nodes]
    except (UserError, IndexError):
        return None
    if not wires or len(wires) > MAX_NODES or not all(wires):
        return None
    read = []
    for number, each in enumerate(wires):
        there = {wire.source for wire in each}
        others = [Wire("none", source) for source in range(number + 1) if source not in there]
        place = f"{reader.name}: node {number + 1}"
        read.append(_node([*each, *others], number, place, reader.keep_unknown))
    return Nasbench(tuple(read))


def _node(wires: Sequence[Wire], number: int, place: str, keep_unknown: bool) -> tuple[Wire, ...]:
    """The wires into a node in order of where they come from. Raises UserError."""
    known = None if keep_unknown else NASBENCH_OPS
    ordered = sorted(
        (check_wire(wire, number, 1, known, place) for wire in wires), key=lambda wire: wire.source
    )
    if [wire.source for wire in ordered] != list(range(number + 1)):
        raise UserError(f"{place} needs one edge from each earlier state, 0 to {number}")
    return tuple(ordered)


def nasbench_text(cell: Nasbench) -> str:
    """The string of a cell."""
    return "+".join("|" + "".join(f"{w.operation}~{w.source}|" for w in node) for node in cell.nodes)
