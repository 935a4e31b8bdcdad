"""How the mixing weights of a search went, edge by edge, and what would be made of them. No torch."""

from __future__ import annotations

from collections.abc import Sequence

from dartsl.lang.diagnostics import UserError
from dartsl.lang.model import Cell, Edge
from dartsl.run.commands import command_line
from dartsl.run.curves import CellShares, EdgeShares
from dartsl.run.folder import RunFolder
from dartsl.searching.derive import all_mixing_weights, derivation, derive, require_cells, run_network
from dartsl.searching.discretise import KeptEdge, Table, edge_winner


def cell_shares(run: RunFolder) -> list[CellShares]:
    """The cells of a search's network that leave a choice, over all epochs that are recorded.

    Raises UserError where the alphas are damaged or do not fit the spec, SpecError for a spec that was broken.
    """
    spec, network = run_network(run)
    found = all_mixing_weights(run)
    if not found:
        raise UserError(
            f"{run.path} holds no alphas", help=command_line("dartsl", "search", "--resume", run.path)
        )
    epochs = tuple(epoch for epoch, _ in found)
    cells = [spec.cells[name] for name in network.cells if spec.cells[name].searched_edges]
    for _, weights in found:
        require_cells(run, network, weights)
    try:
        tables = {cell.name: [weights[cell.name] for _, weights in found] for cell in cells}
        for cell in cells:
            for table in tables[cell.name]:
                derive(cell, table)  # of all epochs, so that none is misread
        kept = {each.cell.name: each.edges for each in derivation(run).cells}
        return [_cell_shares(cell, epochs, tables[cell.name], kept[cell.name]) for cell in cells]
    except KeyError as missing:
        raise UserError(f"an epoch of the alphas in {run.path} lacks the cell {missing}") from None
    except ValueError as error:
        raise UserError(f"the alphas in {run.path} do not fit its spec: {error}") from None


def _cell_shares(
    cell: Cell, epochs: tuple[int, ...], tables: list[list[list[float]]], kept: Sequence[KeptEdge]
) -> CellShares:
    """One table per epoch, at least one; `kept` are the edges that stay after the last."""
    found = {_ends(each.edge): each for each in kept}
    edges = tuple(
        _edge_shares(cell, edge, [table[place] for table in tables], found.get(_ends(edge)))
        for place, edge in enumerate(cell.searched_edges)
    )
    return CellShares(cell.name, epochs, edges)


def _ends(edge: Edge) -> tuple[str, str, int]:
    """What distinguishes an edge from the others of its cell."""
    return edge.source, edge.target, edge.twin


def _edge_shares(cell: Cell, edge: Edge, rows: Table, kept: KeptEdge | None) -> EdgeShares:
    """`rows` are an edge's mixing weights, one row per epoch."""
    free = next(node.keep is None for node in cell.nodes if node.name == edge.target)
    won = kept or edge_winner(edge, rows[-1], free).kept()
    twin = f" ({edge.twin + 1})" if edge.twin else ""
    return EdgeShares(
        name=f"{edge.source} -> {edge.target}{twin}",
        target=edge.target,
        labels=tuple(candidate.label for candidate in edge.candidates),
        weights=tuple(zip(*rows, strict=True)),
        strongest=edge.candidates.index(won.candidate),
        lead=won.over_operation,
        kept=kept is not None,
    )
