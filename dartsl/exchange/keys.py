"""What the architecture in a text is, whatever its spelling: keys by which equal ones are found in a dict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dartsl.exchange.genotype import Architecture, Genotype, Nasbench, Part, Recurrent, Wire
from dartsl.exchange.importing import architecture
from dartsl.graph.isomorphic import Places, form

Key = tuple[Any, ...]  # equal for architectures that are the same
Nodes = Sequence[Sequence[Wire]]


def key_of(text: str, source: str, isomorphic: bool = False) -> Key:
    """What an architecture's text stands for, spelled in one way: the edges into a node may stand in any order.

    With `isomorphic` the names of nodes do not count either, and an edge of `none` into a sum is no edge. Raises
    UserError where the text is no architecture; `source` says where it stands.
    """
    cells = architecture(text, source, None, keep_unknown=True).cells
    return _form(cells) if isomorphic else _key(cells)


def _key(cells: Architecture) -> Key:
    match cells:
        case Genotype(normal, reduce):
            return ("genotype", _part(normal), _part(reduce))
        case Recurrent(cell):
            return ("recurrent", _part(cell))
        case Nasbench(nodes):
            return ("nasbench201", tuple(_node(node) for node in nodes))


def _part(part: Part) -> Key:
    return (tuple(_node(node) for node in part.nodes), part.concat)


def _node(wires: Sequence[Wire]) -> Key:
    return tuple(sorted((wire.source, wire.operation) for wire in wires))


def _form(cells: Architecture) -> Key:
    match cells:
        case Genotype(normal, reduce):
            parts = (normal, reduce)
            return ("genotype", *(_placed(2, _summed(part.nodes), part.concat) for part in parts))
        case Recurrent(cell):  # what `none` gives has a part in a highway: its edges count
            return ("recurrent", _placed(1, cell.nodes, cell.concat))
        case Nasbench(nodes):
            return ("nasbench201", _placed(1, _summed(nodes), [len(nodes)]))


def _summed(nodes: Nodes) -> Nodes:
    return [[wire for wire in wires if wire.operation != "none"] for wires in nodes]


def _placed(inputs: int, nodes: Nodes, output: Sequence[int]) -> Key:
    """The form of one cell; the order in which its output takes nodes does not count."""
    labels = [(0, place) for place in range(inputs)] + [(1, 0)] * len(nodes)
    into = [() for _ in range(inputs)] + [
        tuple((wire.source, wire.operation) for wire in wires) for wires in nodes
    ]
    return form(Places(tuple(labels), tuple(into), ("", tuple((state, 0) for state in output))))
