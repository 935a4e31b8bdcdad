"""Tables of alphas: which choices of a network share their parameters. Nothing here needs networkx or torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dartsl.lang.model import Cell


@dataclass(frozen=True)
class AlphaTable:
    """A row for each searched edge of a cell, `sizes[row]` candidates in it.

    name     what it is called in graphs, in checkpoints and in `alphas.jsonl`: an identifier, of one table of a network
    cell     the name of the cell whose edges the rows are
    targets  of each row, the node that its edge leads to
    """

    name: str
    cell: str
    sizes: tuple[int, ...]
    targets: tuple[str, ...]


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
        )
        for cell in cells
        if cell.searched_edges
    )
