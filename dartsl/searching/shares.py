"""How the mixing weights of a search went, edge by edge, and what would be made of them. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from dartsl.lang.check.model import Cell, Edge
from dartsl.lang.codes.diagnostics import UserError
from dartsl.run.commands import command_line
from dartsl.run.curves import CellShares, EdgeShares
from dartsl.run.folder import RunFolder
from dartsl.searching.derive import (
    all_mixing_weights,
    derivation,
    derive,
    derived_epoch,
    relaxation_of,
    run_network,
)
from dartsl.searching.discretise import KeptEdge, edge_winner
from dartsl.searching.readouts import READOUTS, Table


def cell_shares(run: RunFolder) -> list[CellShares]:
    """The cells of a search's network that leave a choice, over all epochs that are recorded, up to the one that is
    derived from.

    Raises UserError where the alphas are damaged or do not fit the spec, SpecError for a spec that was broken.
    """
    spec, network = run_network(run)
    found = all_mixing_weights(run, spec, network)
    if not found:
        raise UserError(
            f"{run.path} holds no alphas", help=command_line("dartsl", "search", "--resume", run.path)
        )
    until = derived_epoch(run)
    found = [(epoch, readings) for epoch, readings in found if until is None or epoch <= until]
    epochs = tuple(epoch for epoch, _ in found)
    cells = [spec.cells[name] for name in network.cells if spec.cells[name].searched_edges]
    even = READOUTS.of(relaxation_of(run)).even
    try:
        tables = {cell.name: [readings[cell.name].weights for _, readings in found] for cell in cells}
        for cell in cells:
            for table in tables[cell.name]:
                derive(cell, table)  # of all epochs, so that none is misread
        kept = {each.cell.name: each.edges for each in derivation(run).cells}
        last = {cell.name: found[-1][1][cell.name].edges for cell in cells}
        return [
            _cell_shares(cell, epochs, tables[cell.name], kept[cell.name], even, last[cell.name])
            for cell in cells
        ]
    except KeyError as missing:
        raise UserError(f"an epoch of the alphas in {run.path} lacks the cell {missing}") from None
    except ValueError as error:
        raise UserError(f"the alphas in {run.path} do not fit its spec: {error}") from None


def _cell_shares(
    cell: Cell,
    epochs: tuple[int, ...],
    tables: Sequence[Table],
    kept: Sequence[KeptEdge],
    even: Callable[[int], float],
    counts: Sequence[float],
) -> CellShares:
    """One table per epoch, at least one; `kept` are the edges that stay after the last; `even` as in `Readout`.

    `counts` is what edges count at their nodes after the last epoch; empty where that is not learnt.
    """
    found = {_ends(each.edge): each for each in kept if each.stays}
    edges = tuple(
        replace(
            _edge_shares(cell, edge, [table[place] for table in tables], found.get(_ends(edge)), even),
            share=counts[place] if counts else None,
        )
        for place, edge in enumerate(cell.searched_edges)
    )
    return CellShares(cell.name, epochs, edges)


def _ends(edge: Edge) -> tuple[str, str, int]:
    """What distinguishes an edge from the others of its cell."""
    return edge.source, edge.target, edge.twin


def _edge_shares(
    cell: Cell, edge: Edge, rows: Table, kept: KeptEdge | None, even: Callable[[int], float]
) -> EdgeShares:
    """`rows` are an edge's mixing weights, one row per epoch."""
    free = next(node.keep is None for node in cell.nodes if node.name == edge.target)
    won = kept or edge_winner(edge, rows[-1], free).kept()
    return EdgeShares(
        name=edge.name,
        target=edge.target,
        labels=tuple(candidate.label for candidate in edge.candidates),
        weights=tuple(zip(*rows, strict=True)),
        strongest=edge.candidates.index(won.candidate),
        lead=won.over_operation,
        kept=kept is not None,
        even=even(len(edge.candidates)),
    )
