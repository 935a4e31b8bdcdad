"""Tables of alphas: which choices of a network share their parameters. Nothing here needs networkx or torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dartsl.lang.check.model import Cell

DECIDED, LEFT_OUT = "decided", -1  # of each row, the column that is decided; or that its edge is left out
BETAS = "betas"  # what a run and a network call the learnt numbers of edges: one a row
# What may stand beside the candidates of each edge, with a mixing weight of its own: a skip connection that fades, and
# channels that pass by, which have the share of their edge.
SKIP, SHARE = "skip", "share"
KEPT = "kept"  # what a run calls the columns of the candidates that are left of a cell's


@dataclass(frozen=True)
class AlphaTable:
    """A row for each searched edge of a cell, `sizes[row]` candidates in it.

    name     what it is called in graphs, in checkpoints and in `alphas.jsonl`: an identifier, of one table of a network
    cell     the name of the cell whose edges the rows are
    targets  of each row, the node that its edge leads to
    others   those of the nodes that merge their edges otherwise than by a sum
    beside   what each row of mixing weights has one more column for, in their order: SKIP, SHARE
    columns  of each row, which of the cell's candidates its columns are, where some were left out; empty: all
    offered  how many candidates the cell's edges have then
    """

    name: str
    cell: str
    sizes: tuple[int, ...]
    targets: tuple[str, ...]
    others: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    columns: tuple[tuple[int, ...], ...] = ()
    offered: tuple[int, ...] = ()

    def narrowed(self, columns: Sequence[Sequence[int]]) -> AlphaTable:
        """The table without the candidates that `columns`, in order for each row, leaves out.

        Raises ValueError for columns that it does not have.
        """
        if self.columns:
            raise ValueError(f"table {self.name} is narrowed already")
        for row, (size, kept) in enumerate(zip(self.sizes, columns, strict=True)):
            if not kept or sorted(set(kept)) != list(kept) or not 0 <= kept[0] <= kept[-1] < size:
                raise ValueError(
                    f"row {row} of table {self.name} keeps some of its {size} columns, not {list(kept)}"
                )
        if all(len(kept) == size for size, kept in zip(self.sizes, columns, strict=True)):
            return self
        left = tuple(tuple(row) for row in columns)
        return replace(self, sizes=tuple(map(len, left)), columns=left, offered=self.sizes)

    def widened(self, rows: Sequence[Sequence[float]]) -> list[list[float]]:
        """Numbers of the candidates that are left, a row each, as those of all candidates: 0 for the others."""
        if not self.columns:
            return [list(row) for row in rows]
        found = [[0.0] * size for size in self.offered]
        for into, places, row in zip(found, self.columns, rows, strict=True):
            for place, value in zip(places, row, strict=True):
                into[place] = value
        return found

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
