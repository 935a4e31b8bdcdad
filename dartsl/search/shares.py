"""How the mixing weights of a search went, edge by edge, and what would be made of them. No torch."""

from __future__ import annotations

from dartsl.lang.diagnostics import UserError
from dartsl.lang.model import Cell, Edge
from dartsl.run.commands import command_line
from dartsl.run.curves import CellShares, EdgeShares
from dartsl.run.folder import RunFolder
from dartsl.search.derive import all_mixing_weights, derive, run_network
from dartsl.search.discretise import Table, edge_winner


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
    try:
        return [_cell_shares(cell, epochs, [weights[cell.name] for _, weights in found]) for cell in cells]
    except KeyError as missing:
        raise UserError(f"an epoch of the alphas in {run.path} lacks the cell {missing}") from None
    except ValueError as error:
        raise UserError(f"the alphas in {run.path} do not fit its spec: {error}") from None


def _cell_shares(cell: Cell, epochs: tuple[int, ...], tables: list[list[list[float]]]) -> CellShares:
    """One table an epoch, at least one. Raises ValueError where a table does not fit the cell."""
    *_, found = [derive(cell, table) for table in tables]  # of all, so that none is misread
    kept = [edge.edge for edge in found.edges]
    edges = tuple(
        _edge_shares(cell, edge, [table[place] for table in tables], edge in kept)
        for place, edge in enumerate(cell.searched_edges)
    )
    return CellShares(cell.name, epochs, edges)


def _edge_shares(cell: Cell, edge: Edge, rows: Table, kept: bool) -> EdgeShares:
    """`rows` are an edge's mixing weights, one row an epoch."""
    free = next(node.keep is None for node in cell.nodes if node.name == edge.target)
    won = edge_winner(edge, rows[-1], free)
    twin = f" ({edge.twin + 1})" if edge.twin else ""
    return EdgeShares(
        name=f"{edge.source} -> {edge.target}{twin}",
        target=edge.target,
        labels=tuple(candidate.label for candidate in edge.candidates),
        weights=tuple(zip(*rows, strict=True)),
        strongest=edge.candidates.index(won.candidate),
        lead=None if won.second is None else won.weight - won.second,
        kept=kept,
    )
