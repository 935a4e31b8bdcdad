"""From a run or a cell and its mixing weights to what was found. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path

from dartsl.graph.budget import amounts, budget
from dartsl.graph.tables import DECIDED, LEFT_OUT, AlphaTable, tables_of
from dartsl.lang.check.model import Network, Spec
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.layer_choices import laid_out
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.methods import COST, CROSS_ENTROPY, LATER, PERTURBATION, SAMPLED, SOFTMAX, UNIFORM
from dartsl.lang.syntax.loader import read
from dartsl.run.commands import command_line
from dartsl.run.files import Row, read_rows
from dartsl.run.folder import RunFolder
from dartsl.run.kinds import ALPHAS, SEARCH
from dartsl.run.layout import COSTS, HISTORY
from dartsl.searching.connected import Derivation, derive_network
from dartsl.searching.discretise import DerivedCell, KeptEdge, derive
from dartsl.searching.emit import Provenance, found_text
from dartsl.searching.prices import is_file, pricing
from dartsl.searching.readouts import Reading, readings
from dartsl.searching.rules import Rule

__all__ = [
    "DerivedCell",
    "KeptEdge",
    "Provenance",
    "all_mixing_weights",
    "derivation",
    "derive",
    "found_text",
    "mixing_weights",
    "rederive",
    "run_network",
]


def run_network(run: RunFolder) -> tuple[Spec, Network]:
    """The spec of a run, from its own copy, and the network that it searches. Raises UserError, SpecError."""
    spec = check(read(str(run.spec)))
    network = spec.networks.get(run.info.network)
    if network is None:
        raise UserError(f"{run.spec} has no network `{run.info.network}`, which the run searches")
    return laid_out(spec, network, run.values(network))


def mixing_weights(
    run: RunFolder, spec: Spec, network: Network, epoch: int | None = None
) -> tuple[int, dict[str, Reading]]:
    """An epoch (the last one by default) and what its row says of each cell that was recorded.

    Raises UserError where the run has no such epoch, or its row is not of this network.
    """
    return _read(run, spec, network, recorded(run, epoch))


def recorded(run: RunFolder, epoch: int | None = None) -> Row:
    """What is recorded of the alphas after an epoch, by default the last one. Raises UserError where there is no
    such epoch."""
    rows = _alphas(run)
    if not rows:
        raise UserError(
            f"{run.path} has no epoch yet to derive from",
            help=command_line("dartsl", "search", "--resume", run.path),
        )
    epoch = derived_epoch(run) if epoch is None else epoch
    row = rows[-1] if epoch is None else next((row for row in rows if row.get("epoch") == epoch), None)
    if row is None:
        raise UserError(f"{run.path} has no epoch {epoch}", help=f"it holds epochs 1 to {len(rows)}")
    return row


def derived_epoch(run: RunFolder) -> int | None:
    """The epoch to which a stop rule has gone back for what was found; None: it is the last one. Raises UserError."""
    history = run.path / HISTORY
    rows = read_rows(history)  # all else in them may be damaged
    epoch = rows[-1].get("found_epoch") if rows else None
    if epoch is not None and type(epoch) is not int:
        raise UserError(f"line {len(rows)} of {history} is damaged: `found_epoch` is not what it was")
    return epoch


def all_mixing_weights(run: RunFolder, spec: Spec, network: Network) -> list[tuple[int, dict[str, Reading]]]:
    """Each epoch that is recorded, with what its row says of each cell. Raises UserError."""
    return [_read(run, spec, network, row) for row in _alphas(run)]


def _alphas(run: RunFolder) -> list[Row]:
    """One row per epoch: `epoch`, `alphas` by table, and what else the relaxation learns. Raises UserError."""
    _require_search(run)
    return run.rows(ALPHAS)


def _require_search(run: RunFolder) -> None:
    run.require(SEARCH, reason="and only a search has alphas")


def relaxation_of(run: RunFolder) -> str:
    """The name of the relaxation that a run searches with."""
    return str(run.info.settings.get("relaxation", SOFTMAX))


def _read(run: RunFolder, spec: Spec, network: Network, row: Row) -> tuple[int, dict[str, Reading]]:
    """The epoch of a row, and what it says of each cell."""
    tables = tables_of(spec.cells[name] for name in network.cells)
    relaxation = relaxation_of(run)
    try:
        recorded = {group: values for group, values in row.items() if group != "epoch"}
        odd = {name for values in recorded.values() for name in values}
        odd -= {table.name for table in tables}
        found = readings(relaxation, tables, recorded, run.info.settings.get("edge_weights") is True)
        numbers = [
            *(each.edges for each in found.values()),
            *(x for each in found.values() for x in each.weights),
        ]
        if not all(isfinite(number) for line in numbers for number in line):
            raise ValueError
        at = int(row["epoch"])
    except (KeyError, AttributeError, TypeError, ValueError, OverflowError):
        raise UserError(f"a row of the alphas in {run.path} is damaged") from None
    if odd:
        raise UserError(
            f"the alphas in {run.path} do not fit its spec: network `{network.name}` has no table `{min(odd)}`"
        )
    return at, {table.cell: found[table.name] for table in tables if table.name in found}


def derivation(run: RunFolder, epoch: int | None = None, rule: str | None = None) -> Derivation:
    """A run's network, discretised by an epoch's alphas and a rule (by default the run's own).

    Raises UserError, SpecError.
    """
    spec, network = run_network(run)
    _, found = mixing_weights(run, spec, network, epoch)
    whole = {name: found.get(name, Reading([])) for name in network.cells}
    try:
        return derive_network(spec, network, run.values(network), whole, _rule(run, rule))
    except ValueError as error:
        raise UserError(f"the alphas in {run.path} do not fit its spec: {error}") from None


def rederive(path: Path, epoch: int | None = None, rule: str | None = None) -> str:
    """The found file of a run as of an epoch (the last one by default), whether or not the run is over.

    `rule` is the run's own by default. Raises UserError where `path` is not a run of a search, or has no such epoch;
    SpecError for a spec that was broken.
    """
    run = RunFolder.open(path)
    _require_search(run)
    spec, network = run_network(run)
    _require_decided(run, spec, network, recorded(run, epoch), _rule(run, rule))
    at, found = mixing_weights(run, spec, network, epoch)
    provenance = Provenance(
        version=run.info.versions.get("dartsl", "unknown"),
        source=run.info.source,
        spec_hash=run.info.spec_hash,
        seed=run.info.seed,
        epoch=at,
        command=run.info.command,
    )
    whole = {name: found.get(name, Reading([])) for name in network.cells}
    loss = str(run.info.settings.get("loss", CROSS_ENTROPY))
    try:
        given = spec, network, run.values(network), whole
        if COST in run.info.settings.get("penalty", ()):
            cells = derive_network(*given, _rule(run, rule)).cells
            provenance = replace(provenance, cost=_cost(run, plan(*given[:3]), cells))
        return found_text(*given, provenance, _rule(run, rule), loss)
    except ValueError as error:
        raise UserError(f"the alphas in {path} do not fit its spec: {error}") from None


PHASES = {PERTURBATION: "projection", SAMPLED: "selection"}  # what follows the search, by the rule


def _require_decided(run: RunFolder, spec: Spec, network: Network, row: Row, rule: Rule) -> None:
    """Raises UserError where a run is to be derived by what is decided after its search, and that is not over or was
    none; and where its alphas say nothing."""
    blank = relaxation_of(run) == UNIFORM
    if rule.name not in LATER and not blank:
        return
    of_run = str(run.info.settings.get("derive"))
    if rule.name in LATER and of_run != rule.name:
        raise UserError(
            f"{run.path} was searched without a {PHASES[rule.name]}: its edges are not decided",
            f"derive = {rule.name} goes on with the search, so it is given when that begins",
        )
    decided = row.get(DECIDED, {})
    tables = tables_of(spec.cells[name] for name in network.cells)
    if not all(_all_decided(spec, table, decided.get(table.name, [None])) for table in tables):
        by_alphas = "" if blank else ", or derive by the alphas: --derive argmax"
        raise UserError(
            f"the {PHASES.get(of_run, 'search')} of {run.path} is not over after epoch {row['epoch']}",
            help=f"go on with the search, {command_line('dartsl', 'search', '--resume', run.path)}{by_alphas}",
        )


def _all_decided(spec: Spec, table: AlphaTable, decided: Sequence[int | None]) -> bool:
    """Whether nothing is open, and no more edges stay into a node than it keeps."""
    if None in decided or len(decided) != len(table.sizes):
        return False
    stay = [node for node, kept in zip(table.targets, decided, strict=True) if kept != LEFT_OUT]
    keeps = {node.name: node.keep for node in spec.cells[table.cell].nodes}
    return all(stay.count(node) <= (keeps[node] or len(stay)) for node in stay)


def _cost(run: RunFolder, planned: Plan, cells: Sequence[DerivedCell]) -> str:
    """What the found network costs, beside its target."""
    cost, target = str(run.info.settings["cost"]), float(run.info.settings["target"])
    prices = pricing(str(run.copied(COSTS)) if is_file(cost) else cost)(planned)
    costs = budget(planned, prices)
    places = {
        each.cell.name: [
            (each.cell.edges.index(kept.edge), kept.edge.candidates.index(kept.candidate))
            for kept in each.edges
            if kept.candidate in kept.edge.candidates
        ]
        for each in cells
    }
    where = f" {prices.note}" if prices.note else ""
    wanted = f"{target:,.0f}" if target >= 1000 else f"{target:g}"
    return f"{amounts(prices.unit, costs.of(places))}{where}, target {wanted}"


def _rule(run: RunFolder, name: str | None) -> Rule:
    return Rule.of(run.info.settings, name)
