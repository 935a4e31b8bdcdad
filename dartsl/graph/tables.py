"""Tables of alphas: which choices of a network share their parameters. Nothing here needs networkx or torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dartsl.lang.model import Cell

BETAS = "betas"  # what a run and a network call the learnt numbers of edges: one a row
# What may stand beside the candidates of each edge, with a mixing weight of its own: a skip connection that fades, and
# channels that pass by, which have the share of their edge.
SKIP, SHARE = "skip", "share"


@dataclass(frozen=True)
class AlphaTable:
    """A row for each searched edge of a cell, `sizes[row]` candidates in it.

    name     what it is called in graphs, in checkpoints and in `alphas.jsonl`: an identifier, of one table of a network
    cell     the name of the cell whose edges the rows are
    targets  of each row, the node that its edge leads to
    others   those of the nodes that merge their edges otherwise than by a sum
    beside   what each row of mixing weights has one more column for, in their order: SKIP, SHARE
    """

    name: str
    cell: str
    sizes: tuple[int, ...]
    targets: tuple[str, ...]
    others: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    def after(self, what: str) -> int:
        """The column of what stands beside the candidates, after theirs. Raises ValueError where it does not."""
        return max(self.sizes) + self.beside.index(what)

    def rivals(self) -> list[list[int]]:
        """For each row the rows that compete with it, itself among them: their edges are summed at one node.

        An edge into a node that does not sum has no rivals.
        """
        return [
            [row]
            if node in self.others
            else [each for each, other in enumerate(self.targets) if other == node]
            for row, node in enumerate(self.targets)
        ]


def table_name(cell: Cell) -> str:
    """The name of the table that the edges of a cell share, wherever it stands."""
    return cell.name


def tables_of(cells: Iterable[Cell]) -> tuple[AlphaTable, ...]:
    """The tables of some cells in order; a cell without a choice has none."""
    return tuple(
        AlphaTable(
            table_name(cell),
            cell.name,
            tuple(len(edge.candidates) for edge in cell.searched_edges),
            tuple(edge.target for edge in cell.searched_edges),
            tuple(
                node.name
                for node in cell.nodes
                if node.merge != "sum" and any(edge.searched for edge in cell.incoming(node.name))
            ),
        )
        for cell in cells
        if cell.searched_edges
    )
