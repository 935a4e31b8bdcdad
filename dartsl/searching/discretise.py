"""Discretisation: from mixing weights to a cell that offers one operation an edge. No torch.

Source: Liu, Simonyan and Yang, "DARTS" (arXiv 1806.09055), section 2.4, and the authors' implementation;
nodes without `keep` follow NAS-Bench-201 (arXiv 2001.00326), where `none` may win an edge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dartsl.lang.model import Candidate, Cell, Edge, Node

Table = Sequence[Sequence[float]]  # a row for each searched edge, a column for each of its candidates
Columns = Mapping[
    int, int
]  # of edges, by their places in the cell: which candidate is taken, whatever it weighs


@dataclass(frozen=True)
class KeptEdge:
    """An edge of a found cell.

    weight            the mixing weight of `candidate`; 1.0 where the edge offered nothing else
    over_operation    its lead over the edge's next candidate that could have won; None without one
    over_edge         its lead over the strongest edge into the node that was left out; None without one
    """

    edge: Edge
    candidate: Candidate
    weight: float
    over_operation: float | None = None
    over_edge: float | None = None


@dataclass(frozen=True)
class DerivedCell:
    """A cell after discretisation; `edges` stand node by node, as the found file lists them."""

    cell: Cell
    edges: tuple[KeptEdge, ...]


@dataclass(frozen=True)
class Winner:
    """The strongest candidate of an edge, and the strongest of the others that could have won."""

    edge: Edge
    candidate: Candidate
    weight: float
    second: float | None

    def kept(self, strongest_left: float | None = None) -> KeptEdge:
        over_operation = None if self.second is None else self.weight - self.second
        over_edge = None if strongest_left is None else self.weight - strongest_left
        return KeptEdge(self.edge, self.candidate, self.weight, over_operation, over_edge)


def softmax_rows(alphas: Table) -> list[list[float]]:
    """Each row's softmax: mixing weights from alphas."""
    rows = []
    for row in alphas:
        top = max(row)
        powers = [math.exp(alpha - top) for alpha in row]
        total = math.fsum(powers)
        rows.append([power / total for power in powers])
    return rows


def entropies(weights: Table) -> list[float]:
    """Each row's entropy in nats: log(candidates) when all weigh the same, 0 when one has won."""
    return [-math.fsum(w * math.log(w) for w in row if w > 0) for row in weights]


def derive(cell: Cell, weights: Table, chosen: Columns | None = None) -> DerivedCell:
    """The discrete cell that mixing weights stand for (language rules 7, 8 and 17).

    On each edge the heaviest candidate wins, ties go to the earlier. Into a node with `keep k`, `none` cannot
    win, and the k edges with the heaviest winners stay, ties to the earlier. Into a node without, all edges
    stay but those that `none` wins; where it wins them all, one edge from the node's first source says so.
    An edge that offers one operation weighs 1.0. A `sum` lists its edges strongest first, another merge in the
    order in which it merges them. `chosen` replaces winners at nodes without `keep`.
    Raises ValueError where `weights` does not fit the cell.
    """
    searched = cell.searched_edges
    sizes = [len(edge.candidates) for edge in searched]
    if [len(row) for row in weights] != sizes:
        raise ValueError(
            f"cell `{cell.name}` has rows of {sizes} weights, not {[len(row) for row in weights]}"
        )
    rows = iter(weights)
    table = {id(edge): next(rows) if edge.searched else (1.0,) for edge in cell.edges}
    taken = {id(cell.edges[place]): column for place, column in (chosen or {}).items()}
    edges: list[KeptEdge] = []
    for node in cell.nodes:
        incoming = cell.incoming(node.name)
        edges += _derive_node(node, [(edge, table[id(edge)], taken.get(id(edge))) for edge in incoming])
    return DerivedCell(cell, tuple(edges))


def _derive_node(node: Node, incoming: Sequence[tuple[Edge, Sequence[float], int | None]]) -> list[KeptEdge]:
    """The edges of a node that stay. Each comes with its weights, and the column that is chosen for it."""
    winners = [edge_winner(edge, row, node.keep is None, column) for edge, row, column in incoming]
    if node.merge != "sum":
        return [winner.kept() for winner in winners]
    # sorted() is stable, so equal weights stay in order of declaration.
    ranked = sorted(winners, key=lambda winner: -winner.weight)
    if node.keep is not None:
        left = ranked[node.keep].weight if node.keep < len(ranked) else None
        return [winner.kept(left) for winner in ranked[: node.keep]]
    kept = [winner.kept() for winner in ranked if not winner.candidate.is_none]
    if kept or not incoming:
        return kept
    return [winners[0].kept()]


def edge_winner(edge: Edge, row: Sequence[float], none_can_win: bool, chosen: int | None = None) -> Winner:
    """The candidate that wins an edge; `none` only where it can, or where the edge offers nothing else.

    With `chosen` that candidate is taken; what led it before is then the second.
    """
    able = [
        column
        for column, candidate in enumerate(edge.candidates)
        if none_can_win or not candidate.is_none or not edge.searched
    ]
    best = max(able, key=lambda column: row[column])  # the first of equals, which is the earlier candidate
    if chosen is not None and none_can_win:
        best = chosen
    others = [row[column] for column in able if column != best]
    return Winner(edge, edge.candidates[best], row[best], max(others, default=None))
