"""Discretisation: from mixing weights to a cell that offers one operation an edge. No torch.

Source: Liu, Simonyan and Yang, "DARTS" (arXiv 1806.09055), section 2.4, and the authors' implementation;
nodes without `keep` follow NAS-Bench-201 (arXiv 2001.00326), where `none` may win an edge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dartsl.lang.check.model import Candidate, Cell, Edge, Node
from dartsl.lang.syntax.ast import Name
from dartsl.searching.readouts import Table

Columns = Mapping[
    int, int
]  # of edges, by their places in the cell: which candidate is taken, whatever it weighs


@dataclass(frozen=True)
class KeptEdge:
    """An edge of a found cell.

    weight            the mixing weight of `candidate`; 1.0 where the edge offered nothing else
    over_operation    its lead over the edge's next candidate that could have won; None without one
    over_edge         its edge's lead over the strongest edge into the node that was left out; None without one
    """

    edge: Edge
    candidate: Candidate
    weight: float
    over_operation: float | None = None
    over_edge: float | None = None

    @property
    def weight_text(self) -> str:
        """The weight as it is written; nothing where the edge offered nothing else."""
        if not self.edge.searched:
            return ""
        return "1.0" if self.weight == 1.0 else f"{self.weight:.2f}"

    @property
    def stays(self) -> bool:
        """Whether it is an edge of what is found: not where `none` only stands for a node without edges."""
        return not (self.edge.searched and self.candidate.is_none)


@dataclass(frozen=True)
class DerivedCell:
    """A cell after discretisation; `edges` stand node by node, as the found file lists them."""

    cell: Cell
    edges: tuple[KeptEdge, ...]


@dataclass(frozen=True)
class Winner:
    """The strongest candidate of an edge, and the strongest of the others that could have won.

    `rank` is what the edges into a node are compared by: its weight, times that of the edge where there is one.
    """

    edge: Edge
    candidate: Candidate
    weight: float
    second: float | None
    rank: float

    def kept(self, highest_left: float | None = None) -> KeptEdge:
        over_operation = None if self.second is None else self.weight - self.second
        over_edge = None if highest_left is None else self.rank - highest_left
        return KeptEdge(self.edge, self.candidate, self.weight, over_operation, over_edge)


def derive(
    cell: Cell,
    weights: Table,
    chosen: Columns | None = None,
    edges: Sequence[float] = (),
    floor: float = 0.0,
) -> DerivedCell:
    """The discrete cell that mixing weights stand for (language rules 7, 8 and 17).

    On each edge the heaviest candidate wins, ties go to the earlier. Into a node with `keep k`, `none` cannot
    win, and the k edges with the heaviest winners stay, ties to the earlier. Into a node without, all edges
    stay but those that `none` wins; where it wins them all, one edge from the node's first source says so.
    An edge that offers one operation weighs 1.0. A `sum` lists its edges strongest first, another merge in the
    order in which it merges them. `chosen` replaces winners at nodes without `keep`. `edges` (see `Reading`) has, for
    each searched edge, what its weights are multiplied by where edges are compared with one another.
    Of the edges into a `sum` that would stay, those that offer a choice and weigh less than `floor` do not (FairDARTS,
    arXiv 1911.12126); where none is left, one from the node's first source gives zeros.
    Raises ValueError where `weights` or `edges` do not fit the cell.
    """
    searched = cell.searched_edges
    sizes = [len(edge.candidates) for edge in searched]
    if [len(row) for row in weights] != sizes:
        raise ValueError(
            f"cell `{cell.name}` has rows of {sizes} weights, not {[len(row) for row in weights]}"
        )
    if edges and len(edges) != len(sizes):
        raise ValueError(f"cell `{cell.name}` has {len(sizes)} searched edges, not {len(edges)}")
    rows = iter(zip(weights, edges or [1.0] * len(sizes), strict=True))
    table = {id(edge): next(rows) if edge.searched else ((1.0,), 1.0) for edge in cell.edges}
    taken = {id(cell.edges[place]): column for place, column in (chosen or {}).items()}
    kept: list[KeptEdge] = []
    for node in cell.nodes:
        free = node.keep is None
        kept += _derive_node(
            node,
            [
                edge_winner(edge, row, free, taken.get(id(edge)), factor)
                for edge in cell.incoming(node.name)
                for row, factor in [table[id(edge)]]
            ],
            floor,
        )
    return DerivedCell(cell, tuple(kept))


def _derive_node(node: Node, winners: Sequence[Winner], floor: float) -> list[KeptEdge]:
    """The edges of a node that stay."""
    if node.merge != "sum":
        return [winner.kept() for winner in winners]
    # sorted() is stable, so equal ranks stay in order of declaration.
    ranked = sorted(winners, key=lambda winner: -winner.rank)
    if node.keep is not None:
        left = ranked[node.keep].rank if node.keep < len(ranked) else None
        kept = [winner.kept(left) for winner in ranked[: node.keep]]
    else:
        kept = [winner.kept() for winner in ranked if not winner.candidate.is_none] or [
            winner.kept() for winner in winners[:1]
        ]
    strong = [each for each in kept if each.weight >= floor or not each.edge.searched]
    return strong or [_nothing(each.edge) for each in winners[:1]]


def empty_nodes(cell: DerivedCell) -> list[str]:
    """The nodes whose one edge gives zeros, though `none` was not what it weighed most."""
    return [each.edge.node for each in cell.edges if each.candidate.is_none and each.weight == 0.0]


def _nothing(edge: Edge) -> KeptEdge:
    """An edge that gives zeros, where a node is left without: `none`, which need not be among what it offered."""
    span = edge.span
    return KeptEdge(edge, Candidate("none", Name("none", span=span), span), 0.0)


def edge_winner(
    edge: Edge, row: Sequence[float], none_can_win: bool, chosen: int | None = None, factor: float = 1.0
) -> Winner:
    """The candidate that wins an edge; `none` only where it can, or where the edge offers nothing else.

    With `chosen` that candidate is taken; what led it before is then the second. `factor` is the weight of the edge.
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
    return Winner(edge, edge.candidates[best], row[best], max(others, default=None), row[best] * factor)
