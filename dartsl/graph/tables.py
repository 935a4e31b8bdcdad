"""Tables of alphas: which choices of a network share their parameters. Nothing here needs networkx or torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dartsl.lang.model import Cell

BETAS = "betas"  # what a run and a network call the learnt numbers of edges: one a row


@dataclass(frozen=True)
class AlphaTable:
    """A row for each searched edge of a cell, `sizes[row]` candidates in it.

    name     what it is called in graphs, in checkpoints and in `alphas.jsonl`: an identifier, of one table of a network
    cell     the name of the cell whose edges the rows are
    targets  of each row, the node that its edge leads to
    others   those of the nodes that merge their edges otherwise than by a sum
    beside   whether each row of mixing weights has one more column, of a skip connection beside the candidates
    """

    name: str
    cell: str
    sizes: tuple[int, ...]
    targets: tuple[str, ...]
    others: tuple[str, ...] = ()
    beside: bool = False

    @property
    def after(self) -> int:
        """The first column that belongs to no candidate: the place of what stands beside the candidates."""
        return max(self.sizes)

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
