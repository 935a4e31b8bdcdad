"""Which candidates of a cell are skip connections. No torch."""

from __future__ import annotations

from dartsl.lang.model import Cell
from dartsl.lang.terms import CellLayer, Merge, Plan, Step, Term


def skip_columns(plan: Plan, cell: Cell) -> dict[int, frozenset[int]]:
    """The columns of the candidates that are skip connections, by the place of their edge in the cell.

    A skip connection gives what it takes, without a parameter, in each layer of the cell that has no stride; a cell
    that has one wherever it stands, such as a reduction, has none.
    """
    layers = [
        layer
        for layer in plan.layers
        if isinstance(layer, CellLayer) and layer.cell.name == cell.name and layer.stride == 1
    ]
    return {
        place: frozenset(
            column
            for column in range(len(edge.candidates))
            if layers and all(_is_identity(layer.edges[place][column]) for layer in layers)
        )
        for place, edge in enumerate(cell.edges)
        if edge.searched
    }


def _is_identity(term: Term) -> bool:
    if isinstance(term, Step):
        return term.primitive == "identity" or term.mixing
    return not isinstance(term, Merge) and all(_is_identity(part) for part in term.terms)
