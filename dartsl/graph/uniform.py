"""Decided cells, drawn evenly among all that a cell stands for, as `count.space_size` counts them. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from dartsl.graph.tables import LEFT_OUT
from dartsl.lang.check.model import Cell, Edge, Node


def drawn_columns(cell: Cell, random: Random) -> list[int]:
    """For each edge of a cell, in order, the column of its candidate, or LEFT_OUT."""
    found: dict[int, int] = {}
    for node in cell.nodes:
        edges = cell.incoming(node.name)
        columns = _of_node(node, edges, random)
        found.update((id(edge), column) for edge, column in zip(edges, columns, strict=True))
    return [found[id(edge)] for edge in cell.edges]


def drawn_rows(cell: Cell, random: Random) -> list[int]:
    """The same of its searched edges alone, which are the rows of its table."""
    columns = drawn_columns(cell, random)
    return [column for edge, column in zip(cell.edges, columns, strict=True) if edge.searched]


def _of_node(node: Node, edges: Sequence[Edge], random: Random) -> list[int]:
    """Of each edge into a node in turn, by how many architectures of those that are left keep it."""
    if node.keep is None:
        return [random.randrange(len(edge.candidates)) for edge in edges]
    able = [
        [column for column, candidate in enumerate(edge.candidates) if not candidate.is_none]
        for edge in edges
    ]
    ways = _ways([len(columns) for columns in able], node.keep)
    found, left = [], node.keep
    for place, columns in enumerate(able):
        number = random.randrange(ways[place][left])
        rest = ways[place + 1][left - 1] if left else 0
        kept = number < len(columns) * rest
        found.append(columns[number // rest] if kept else LEFT_OUT)
        left -= kept
    return found


def _ways(options: Sequence[int], keep: int) -> list[list[int]]:
    """`ways[i][k]`: to keep k of the edges from i on, and to choose on each of them."""
    ways = [[1] + [0] * keep]
    for count in reversed(options):
        after = ways[0]
        ways.insert(0, [after[k] + (count * after[k - 1] if k else 0) for k in range(keep + 1)])
    return ways
