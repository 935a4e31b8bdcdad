"""From a run or a cell and its mixing weights to what was found. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from pathlib import Path

from dartsl.lang.check import check
from dartsl.lang.diagnostics import UserError
from dartsl.lang.loader import read
from dartsl.lang.model import Network, Spec
from dartsl.run.commands import command_line
from dartsl.run.files import Row
from dartsl.run.folder import RunFolder
from dartsl.searching.connected import CONNECTED, Derivation, derive_network
from dartsl.searching.discretise import DerivedCell, KeptEdge, Table, derive, entropies, softmax_rows
from dartsl.searching.emit import Provenance, found_text

__all__ = [
    "DerivedCell",
    "KeptEdge",
    "Provenance",
    "Table",
    "all_mixing_weights",
    "derivation",
    "derive",
    "entropies",
    "found_text",
    "mixing_weights",
    "rederive",
    "run_network",
    "softmax_rows",
]


def run_network(run: RunFolder) -> tuple[Spec, Network]:
    """The spec of a run, from its own copy, and the network that it searches. Raises UserError, SpecError."""
    spec = check(read(str(run.spec)))
    network = spec.networks.get(run.info.network)
    if network is None:
        raise UserError(f"{run.spec} has no network `{run.info.network}`, which the run searches")
    run.values(network)
    return spec, network


def mixing_weights(run: RunFolder, epoch: int | None = None) -> tuple[int, dict[str, list[list[float]]]]:
    """An epoch (the last one by default) and the mixing weights after it, cell by cell.

    Raises UserError where the run has no such epoch.
    """
    rows = run.alphas()
    if not rows:
        raise UserError(
            f"{run.path} has no epoch yet to derive from",
            help=command_line("dartsl", "search", "--resume", run.path),
        )
    row = rows[-1] if epoch is None else next((row for row in rows if row.get("epoch") == epoch), None)
    if row is None:
        raise UserError(f"{run.path} has no epoch {epoch}", help=f"it holds epochs 1 to {len(rows)}")
    return _weights(run, row)


def all_mixing_weights(run: RunFolder) -> list[tuple[int, dict[str, list[list[float]]]]]:
    """Each epoch that is recorded, with the mixing weights after it, cell by cell. Raises UserError."""
    return [_weights(run, row) for row in run.alphas()]


def _weights(run: RunFolder, row: Row) -> tuple[int, dict[str, list[list[float]]]]:
    """The epoch and the mixing weights of a row of the alphas."""
    try:
        weights = {str(cell): softmax_rows(table) for cell, table in row["alphas"].items()}
        if not all(isfinite(weight) for table in weights.values() for line in table for weight in line):
            raise ValueError
        return int(row["epoch"]), weights
    except (KeyError, AttributeError, TypeError, ValueError, OverflowError):
        raise UserError(f"a row of the alphas in {run.path} is damaged") from None


def require_cells(run: RunFolder, network: Network, weights: Iterable[str]) -> None:
    """Raises UserError where mixing weights name a cell that the network has not."""
    odd = set(weights).difference(network.cells)
    if odd:
        raise UserError(
            f"the alphas in {run.path} do not fit its spec: network `{network.name}` has no cell `{min(odd)}`"
        )


def derivation(run: RunFolder, epoch: int | None = None, rule: str | None = None) -> Derivation:
    """A run's network, discretised by an epoch's alphas and a rule (by default the run's own).

    Raises UserError, SpecError.
    """
    spec, network = run_network(run)
    _, weights = mixing_weights(run, epoch)
    require_cells(run, network, weights)
    weights = {name: weights.get(name, []) for name in network.cells}
    try:
        return derive_network(spec, network, run.values(network), weights, rule or _rule(run))
    except ValueError as error:
        raise UserError(f"the alphas in {run.path} do not fit its spec: {error}") from None


def rederive(path: Path, epoch: int | None = None, rule: str | None = None) -> str:
    """The found file of a run as of an epoch (the last one by default), whether or not the run is over.

    `rule` is the run's own by default. Raises UserError where `path` is not a run of a search, or has no such epoch;
    SpecError for a spec that was broken.
    """
    run = RunFolder.open(path)
    if run.info.kind != "search":
        raise UserError(f"{path} is a run of `{run.info.kind}`, and only a search has alphas")
    spec, network = run_network(run)
    at, weights = mixing_weights(run, epoch)
    provenance = Provenance(
        version=run.info.versions.get("dartsl", "unknown"),
        source=run.info.source,
        spec_hash=run.info.spec_hash,
        seed=run.info.seed,
        epoch=at,
        command=run.info.command,
    )
    require_cells(run, network, weights)
    weights = {name: weights.get(name, []) for name in network.cells}
    try:
        return found_text(spec, network, run.values(network), weights, provenance, rule or _rule(run))
    except ValueError as error:
        raise UserError(f"the alphas in {path} do not fit its spec: {error}") from None


def _rule(run: RunFolder) -> str:
    return str(run.info.settings.get("derive", CONNECTED))
