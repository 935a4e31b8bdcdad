"""The alphas and mixing weights of a search by the names of edges and candidates. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from dartsl.graph.tables import KEPT, table_name
from dartsl.lang.check.model import Cell
from dartsl.lang.codes.diagnostics import UserError
from dartsl.run.folder import RunFolder
from dartsl.searching.derive import mixing_weights, recorded, run_network
from dartsl.searching.readouts import Table

EdgesByName = dict[str, dict[str, float]]  # cell -> edge -> number
ByName = dict[str, dict[str, dict[str, float]]]  # cell -> edge, such as "c0 -> n1" -> candidate -> number


def alphas_by_name(run: RunFolder, epoch: int | None = None) -> ByName:
    """The alphas as recorded after an epoch, by default the last one, of the candidates that were left then.

    Raises UserError, SpecError.
    """
    spec, network = run_network(run)
    mixing_weights(run, spec, network, epoch)  # what it cannot read is no row of this network
    row: Mapping[str, Any] = recorded(run, epoch)
    cells = [spec.cells[name] for name in network.cells]
    alphas = {cell.name: row["alphas"].get(table_name(cell), []) for cell in cells}
    kept = {cell.name: row.get(KEPT, {}).get(table_name(cell)) for cell in cells}
    return _by_name(run, cells, alphas, kept)


def mixing_weights_by_name(run: RunFolder, epoch: int | None = None) -> ByName:
    """The mixing weights after an epoch, by default the last one. Raises UserError, SpecError."""
    spec, network = run_network(run)
    _, readings = mixing_weights(run, spec, network, epoch)
    cells = [spec.cells[name] for name in network.cells]
    weights = {name: reading.weights for name, reading in readings.items()}
    return _by_name(run, cells, {cell.name: weights.get(cell.name, []) for cell in cells})


def edge_weights_by_name(run: RunFolder, epoch: int | None = None) -> EdgesByName:
    """Each edge's share of its node after an epoch, by default the last one. Raises UserError, SpecError, also where
    the search has no edge weights."""
    spec, network = run_network(run)
    _, readings = mixing_weights(run, spec, network, epoch)
    cells = [spec.cells[name] for name in network.cells if spec.cells[name].searched_edges]
    shares = {cell.name: readings[cell.name].edges if cell.name in readings else () for cell in cells}
    if not all(shares.values()):
        raise UserError(
            f"{run.path} is a search without edge weights", "a search with `edge_weights = true` learns them"
        )
    return {
        cell.name: {
            edge.name: share for edge, share in zip(cell.searched_edges, shares[cell.name], strict=True)
        }
        for cell in cells
    }


def _by_name(
    run: RunFolder,
    cells: Iterable[Cell],
    tables: Mapping[str, Table],
    kept: Mapping[str, Sequence[Sequence[int]] | None] = MappingProxyType({}),
) -> ByName:
    """Of the cells that leave a choice; of each edge the candidates in the columns that are kept, or all.

    Raises UserError for tables of another shape.
    """
    try:
        return {
            cell.name: {
                edge.name: dict(
                    zip((edge.candidates[column].label for column in columns), map(float, row), strict=True)
                )
                for edge, row, columns in zip(
                    cell.searched_edges,
                    tables[cell.name],
                    kept.get(cell.name) or [range(len(edge.candidates)) for edge in cell.searched_edges],
                    strict=True,
                )
            }
            for cell in cells
            if cell.searched_edges
        }
    except ValueError as error:
        raise UserError(f"the alphas in {run.path} do not fit its spec: {error}") from None
