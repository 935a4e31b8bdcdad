"""The layers of a network that are operations or choices (darts 2), as one cell to draw: a chain of layers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from dartsl.lang.check.model import Cell, CellInput, Edge, Node, Output

TITLE, ENTRY = "layers", "input"


@dataclass(frozen=True)
class Drawn:
    """Cells to draw, and what is known of the edges of some, by the names of the cells."""

    cells: tuple[Cell, ...]
    weights: Mapping[str, Sequence[Sequence[float]]] | None = None
    kept: Mapping[str, Collection[Edge]] | None = None
    shares: Mapping[str, Sequence[float]] | None = None


def chained(given: Drawn) -> Drawn:
    """The cells, with one chain of layers in place of the cells that are layers; as they are where there are none."""
    layers = tuple(cell for cell in given.cells if cell.layer)
    if not layers:
        return given
    names = [ENTRY, *(layer.name for layer in layers)]
    edges = tuple(
        replace(layer.edges[0], source=source, target=layer.name)
        for source, layer in zip(names, layers, strict=False)
    )
    first, last = layers[0], layers[-1]
    chain = Cell(
        TITLE,
        (CellInput(ENTRY, None, first.span),),
        tuple(Node(layer.name, "sum", False, None, layer.span, layer.span) for layer in layers),
        edges,
        Output(None, (last.name,), False, last.span),
        first.span,
    )
    weights, kept, shares = given.weights, given.kept, given.shares
    if weights is not None:
        rows = [row for layer in layers for row in weights.get(layer.name, ())]
        weights = {**weights, TITLE: rows}
    if kept is not None:
        stays = [edge for edge, layer in zip(edges, layers, strict=True) if kept[layer.name]]
        kept = {**kept, TITLE: stays}
    if shares is not None:
        shares = {**shares, TITLE: [share for layer in layers for share in shares.get(layer.name, ())]}
    rest = tuple(cell for cell in given.cells if not cell.layer)
    return Drawn((*rest, chain), weights, kept, shares)
