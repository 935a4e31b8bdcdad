"""Which candidates of a cell are skip connections, which are derived, and how these are limited. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dartsl.graph.tables import table_name
from dartsl.lang.check.model import Cell
from dartsl.lang.plan.skips import is_skip
from dartsl.lang.plan.terms import Plan
from dartsl.searching.discretise import DerivedCell, KeptEdge, derive
from dartsl.searching.readouts import Reading


def skip_columns(plan: Plan, cell: Cell) -> dict[int, frozenset[int]]:
    """The columns of the candidates that are skip connections, by the place of their edge in the cell.

    A skip connection gives what it takes, without a parameter, wherever the cell stands without a stride; a cell that
    has one in all its places, such as a reduction, has none.
    """
    layers = [use for use in plan.uses() if use.cell.name == cell.name and use.stride == 1]
    return {
        place: frozenset(
            column
            for column in range(len(edge.candidates))
            if layers and all(is_skip(layer.edges[place][column]) for layer in layers)
        )
        for place, edge in enumerate(cell.edges)
        if edge.searched
    }


def offers_skips(plan: Plan) -> bool:
    """Whether a candidate of the network is a skip connection."""
    return any(columns for cell in plan.cells() for columns in skip_columns(plan, cell).values())


def kept_skips(plan: Plan, cell: Cell, reading: Reading, floor: float = 0.0) -> list[KeptEdge]:
    """The edges that choose a skip connection where each takes its strongest candidate."""
    return skips_of(plan, derive(cell, reading.weights, edges=reading.edges, floor=floor))


def skips_of(plan: Plan, found: DerivedCell) -> list[KeptEdge]:
    """The edges of a derived cell that chose a skip connection, in the order of the cell's edges."""
    columns = skip_columns(plan, found.cell)
    places = {id(edge): place for place, edge in enumerate(found.cell.edges)}
    return [
        kept
        for kept in sorted(found.edges, key=lambda kept: places[id(kept.edge)])
        if any(
            kept.edge.candidates[column] == kept.candidate
            for column in columns.get(places[id(kept.edge)], frozenset())
        )
    ]


def skip_counts(plan: Plan, readings: Mapping[str, Reading], floor: float = 0.0) -> dict[str, int]:
    """How many skip connections each cell would have, as its strongest operations have it, by the name of its table."""
    return {
        name: len(kept_skips(plan, cell, readings[name], floor))
        for cell in plan.cells()
        if cell.searched_edges and (name := table_name(cell)) in readings
    }


def limited(
    plan: Plan, cell: Cell, reading: Reading, floor: float, most: int
) -> tuple[Reading, tuple[str, ...]]:
    """The reading by which at most `most` skip connections are derived, and a line for each that was taken out.

    The weight of the weakest one that would stay becomes 0 until they are few enough (P-DARTS, Chen et al., arXiv
    1904.12760). Where an edge offers nothing else, more may stay.
    """
    notes: list[str] = []
    while (less := without_weakest(cell, reading, kept_skips(plan, cell, reading, floor), most)) is not None:
        reading, note = less
        notes.append(note)
    return reading, tuple(notes)


def without_weakest(
    cell: Cell, reading: Reading, skips: Sequence[KeptEdge], most: int
) -> tuple[Reading, str] | None:
    """The reading where the weakest of more than `most` skip connections weighs 0, ties the earlier edge's, and a line
    that says so; None where they are few enough, or none of them weighs anything."""
    able = [kept for kept in skips if kept.weight > 0]
    if len(skips) <= most or not able:
        return None
    weakest = min(able, key=lambda kept: kept.weight)  # the first of equals
    row = next(row for row, edge in enumerate(cell.searched_edges) if edge is weakest.edge)
    weights = [list(each) for each in reading.weights]
    weights[row][weakest.edge.candidates.index(weakest.candidate)] = 0.0
    note = (
        f"{cell.place(weakest.edge.called)}: {weakest.candidate.label} ({weakest.weight:.3g}) taken "
        f"out, at most {most} may stay"
    )
    return replace(reading, weights=weights), note
