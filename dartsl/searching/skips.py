"""Which candidates of a cell are skip connections, which are derived, and how these are limited. No torch."""

from __future__ import annotations

from dataclasses import replace

from dartsl.lang.model import Cell, Edge
from dartsl.lang.terms import CellLayer, Merge, Plan, Step, Term
from dartsl.searching.discretise import KeptEdge, derive
from dartsl.searching.readouts import Reading


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


def kept_skips(plan: Plan, cell: Cell, reading: Reading, floor: float = 0.0) -> list[KeptEdge]:
    """The edges of the derived cell that chose a skip connection."""
    columns = skip_columns(plan, cell)
    if not any(columns.values()):
        return []
    places = {id(edge): place for place, edge in enumerate(cell.edges)}
    return [
        kept
        for kept in derive(cell, reading.weights, edges=reading.edges, floor=floor).edges
        if any(
            kept.edge.candidates[column] == kept.candidate
            for column in columns.get(places[id(kept.edge)], frozenset())
        )
    ]


def limited(
    plan: Plan, cell: Cell, reading: Reading, floor: float, most: int
) -> tuple[Reading, tuple[str, ...]]:
    """The reading by which at most `most` skip connections are derived, and a line for each that was taken out.

    The weight of the weakest one that would stay becomes 0 until they are few enough, ties the earlier edge's (P-DARTS,
    Chen et al., arXiv 1904.12760). Where an edge offers nothing else, more may stay.
    """
    notes: list[str] = []
    places = {id(edge): row for row, edge in enumerate(cell.searched_edges)}
    while True:
        skips = sorted(kept_skips(plan, cell, reading, floor), key=lambda kept: places[id(kept.edge)])
        able = [kept for kept in skips if kept.weight > 0]
        if len(skips) <= most or not able:
            return reading, tuple(notes)
        weakest = min(able, key=lambda kept: kept.weight)  # the first of equals
        row, column = places[id(weakest.edge)], weakest.edge.candidates.index(weakest.candidate)
        weights = [list(each) for each in reading.weights]
        weights[row][column] = 0.0
        reading = replace(reading, weights=weights)
        name = edge_name(weakest.edge)
        notes.append(
            f"cell {cell.name}, edge {name}: {weakest.candidate.label} ({weakest.weight:.3g}) taken out, "
            f"at most {most} may stay"
        )


def edge_name(edge: Edge) -> str:
    """`c0 -> n1`, with (2), (3), ... where a pair of nodes has several edges."""
    twin = f" ({edge.twin + 1})" if edge.twin else ""
    return f"{edge.source} -> {edge.target}{twin}"


def _is_identity(term: Term) -> bool:
    if isinstance(term, Step):
        return term.primitive == "identity" or term.mixing
    return not isinstance(term, Merge) and all(_is_identity(part) for part in term.terms)
