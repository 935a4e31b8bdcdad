"""NAS-Bench-201's strings, `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`, to data and back."""

from __future__ import annotations

import re

from dartsl.exchange.genotype import MAX_NODES, NASBENCH_OPS, Nasbench, Wire, check_wire
from dartsl.lang.diagnostics import UserError

_EDGE = re.compile(r"([A-Za-z0-9_]+)~([0-9]{1,6})")


def is_nasbench(text: str) -> bool:
    """Whether a text looks like one of these strings."""
    return text.startswith("|") and "~" in text


def read_nasbench(text: str, source: str) -> Nasbench:
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
        wires = [check_wire(Wire(edge[1], int(edge[2])), number, 1, NASBENCH_OPS, place) for edge in matched]
        wires.sort(key=lambda wire: wire.source)
        if [wire.source for wire in wires] != list(range(number + 1)):
            raise UserError(f"{place} needs one edge from each earlier state, 0 to {number}")
        nodes.append(tuple(wires))
    return Nasbench(tuple(nodes))


def nasbench_text(cell: Nasbench) -> str:
    """The string of a cell."""
    return "+".join("|" + "".join(f"{w.operation}~{w.source}|" for w in node) for node in cell.nodes)
