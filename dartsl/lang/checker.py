"""From a root text to a checked Spec, with every fault of it and of its imports in one run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dartsl.lang.check.allow import silenced
from dartsl.lang.check.blocks import read_settings
from dartsl.lang.check.catalogue import read_operations
from dartsl.lang.check.cells import CellReader, Cells, count_edges
from dartsl.lang.check.expressions import Checker
from dartsl.lang.check.identity import Identities
from dartsl.lang.check.model import Network, Operation, SettingLiteral, Spec
from dartsl.lang.check.networks import NetworkReader
from dartsl.lang.check.offers import Offers
from dartsl.lang.check.resolve import Symbols, declare, reserved_names
from dartsl.lang.check.together import search_of, together_faults
from dartsl.lang.codes import e06
from dartsl.lang.codes.diagnostics import Diagnostic, SpecError, UserError, arranged
from dartsl.lang.codes.limits import Budget, TooLargeError
from dartsl.lang.codes.render import Size
from dartsl.lang.codes.source import Source, Span
from dartsl.lang.codes.suggestions import close
from dartsl.lang.plan.flow import CONSTANT_OUTPUT, constant
from dartsl.lang.plan.layer_choices import laid_out
from dartsl.lang.plan.loose import loose_cells
from dartsl.lang.plan.network_plan import planned
from dartsl.lang.plan.skips import skip_faults
from dartsl.lang.syntax import loader, resources
from dartsl.lang.syntax.ast import File, Import, NetworkDecl
from dartsl.lang.syntax.paths import resolved

UNREAD = ("E01", "E0310")  # codes of what is read no further
IMPORT_FAULTS = ("E0204", "E0205", "E0207", "E0209")


@dataclass(frozen=True)
class Report:
    """What a check found. `spec` is None where there is an error."""

    spec: Spec | None
    diagnostics: tuple[Diagnostic, ...]
    size: Size

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.diagnostics if d.severity == "error")


def check(root: Source) -> Spec:
    """The checked Spec of a text, its warnings in `Spec.warnings`. Raises SpecError with every fault."""
    report = diagnose(root)
    if report.spec is None:
        raise SpecError(report.diagnostics)
    return report.spec


def diagnose(root: Source, loaded: loader.Loaded | None = None) -> Report:
    """Check a text and what it imports, which may be `loaded` already.

    All faults come in order of file (imported before importer), line, column and code, one a (code, primary
    span). Names and graphs are looked at only when the syntax of all files is sound, shapes only when no
    error was found before: what a mistake hides would be reported as missing.
    """
    loaded = loaded or loader.load(root)
    faults = list(loaded.diagnostics)
    order = [file.source for file in loaded.files]
    if any(fault.code.startswith(UNREAD) for fault in faults):
        return Report(None, tuple(arranged(faults, [*order, root])), Size())
    reading = _Reading(loaded, faults)
    spec = reading.read()
    if not _has_errors(faults):
        faults += [*together_faults(spec), *_plan_faults(spec)]
    found = tuple(arranged(silenced(loaded.files, arranged(faults, order)), [*order, root]))
    if _has_errors(faults):
        return Report(None, found, Size(reading.edges))
    first = sorted(found, key=lambda fault: fault.code != CONSTANT_OUTPUT)  # what makes all else idle
    return Report(replace(spec, warnings=tuple(first)), found, size_of(spec, reading.edges))


def _plan_faults(spec: Spec) -> list[Diagnostic]:
    """Every fault of widths, strides and sizes: each network at its defaults, each cell that stands in none
    with its width a symbol, at stride 1. One report a (code, primary span), in order of the files. And a warning
    for each network whose output does not depend on its input."""
    found: list[Diagnostic] = []
    for network in spec.networks.values():
        config = search_of(spec, network.takes)
        for parts in dict.fromkeys(config.stages.partials(config.partial)):
            result, own = planned(spec, network, {}, parts)
            found.extend(own)
        warning = None if result is None else constant(result)
        found += [] if warning is None else [warning]
        if result is not None and config.auxiliary_skip:
            found += skip_faults(result)
    placed = {name for network in spec.networks.values() for name in network.cells}
    found += loose_cells(spec, [cell for name, cell in spec.cells.items() if name not in placed])
    return arranged(found, [file.source for file in spec.files])


def size_of(spec: Spec, edges: int) -> Size:
    """What a sound spec has that offers a choice, each network with its defaults, besides the edges of its cells."""
    cells = [
        cell for network in spec.networks.values() for cell in laid_out(spec, network, {})[0].cells.values()
    ]
    nodes = [
        edge.target
        for cell in spec.cells.values()
        for edge in cell.searched_edges
        if edge.target in cell.merging
    ]
    return Size(edges, sum(cell.layer and bool(cell.searched_edges) for cell in cells), len(nodes))


def pick_network(spec: Spec, name: str | None) -> Network:
    """The network that a command means (rule 12): the one named, else the root file's only one.

    Raises UserError (exit code 2) for an unknown name or when there are several to choose from, and SpecError
    (E0601) when the root file has none.
    """
    if name is not None:
        if name in spec.networks:
            return spec.networks[name]
        near = close(name, spec.networks)
        help = f"did you mean `{near}`?" if near else _listed("it has", spec.networks)
        raise UserError(f"{spec.root.source.name} has no network `{name}`", help, exit_code=2)
    own = [d.name.id for d in spec.root.declarations if isinstance(d, NetworkDecl)]
    if len(own) == 1:
        return spec.networks[own[0]]
    if own:
        listed = _listed("pick one with --network:", own)
        raise UserError(f"{spec.root.source.name} has {len(own)} networks", listed, exit_code=2)
    raise SpecError([_no_network(spec)])


def _no_network(spec: Spec) -> Diagnostic:
    help = "add a `network`; `dartsl new` writes a spec to start from"
    if spec.networks:
        help = _listed("its imports have some; pick one with --network:", spec.networks)
    return e06.no_network(_header(spec.root), help)


def _header(file: File) -> Span:
    """The words `darts 1`."""
    found = re.search(r"^[ \t\ufeff]*(darts[ \t]+[0-9]+)", file.source.text, re.MULTILINE)
    return Span(file.source, found.start(1), found.end(1)) if found else file.span


def _listed(before: str, names: Iterable[str]) -> str:
    return f"{before} " + (", ".join(f"`{name}`" for name in names) or "none")


def _has_errors(faults: Iterable[Diagnostic]) -> bool:
    return any(fault.severity == "error" for fault in faults)


class _Reading:
    """One run of the static checks."""

    def __init__(self, loaded: loader.Loaded, faults: list[Diagnostic]) -> None:
        self.loaded = loaded
        self.faults = faults
        self.edges = 0
        incomplete = any(fault.code in IMPORT_FAULTS for fault in faults)
        self.symbols = Symbols(
            seen_by=visibility(loaded.files), incomplete=incomplete, prelude=loaded.files[0].source
        )

    def read(self) -> Spec:
        files = self.loaded.files
        self.faults += declare(files, self.symbols)
        self.faults += imported_names(files)
        checker = Checker(self.symbols, self.faults)
        offers = Offers(checker, Identities())
        operations: dict[str, Operation] = {}
        cells = Cells()
        networks: dict[str, Network] = {}
        settings: Mapping[str, Mapping[str, SettingLiteral]] = {}
        try:
            budget = Budget()
            operations = read_operations(self.symbols, offers, budget)
            reader = CellReader(offers, budget)
            cells = reader.read()
            self.edges = count_edges(cells, offers, files[-1].source)
            read = NetworkReader(offers, cells)
            for name, declaration in self.symbols.networks.items():
                network = read.read(declaration)
                if network is not None:
                    networks[name] = network
        except TooLargeError as stop:
            self.faults.append(stop.diagnostic)
        settings = read_settings(files[-1], self.faults)
        choices = {name: offer.candidates for name, offer in offers.choices.items()}
        return Spec(files, operations, choices, cells.cells, networks, settings["search"], settings["train"])


def visibility(files: tuple[File, ...]) -> dict[int, frozenset[int]]:
    """For every source, by id, the ids of those it sees: itself, the prelude and all that it imports."""
    read = {resolved(file.source.path): file.source for file in files if file.source.path is not None}
    seen: dict[int, frozenset[int]] = {}
    prelude = frozenset((id(files[0].source),))
    for file in files:  # imported before importer
        targets = [read.get(path) for item in file.imports if (path := target_of(file, item)) is not None]
        parts = [seen.get(id(source), frozenset()) for source in targets if source is not None]
        seen[id(file.source)] = prelude.union((id(file.source),), *parts)
    return seen


def imported_names(files: tuple[File, ...]) -> list[Diagnostic]:
    """E0203 for what a file of an earlier version defines, at each import by which one of a later version has it."""
    seen, by_id = visibility(files), {id(file.source): file for file in files}
    read = {resolved(file.source.path): file.source for file in files if file.source.path is not None}
    faults: list[Diagnostic] = []
    for file in files:
        for item in file.imports if file.version > 1 else ():
            path = target_of(file, item)
            source = None if path is None else read.get(path)
            if source is not None and source.version < file.version:
                brought = (by_id[each] for each in seen[id(source)] if each in by_id)
                faults += reserved_names(item, brought, file.version)
    return faults


def target_of(file: File, item: Import) -> Path | None:
    """The file that an import names; the loader has reported those that name none."""
    text = item.path.value
    if not text.startswith(("./", "../")):
        path = resources.shipped_specs().get(text)
        return None if path is None else path.resolve()
    here = file.source.path
    try:
        return None if here is None else resolved(here.parent / f"{text}.darts")
    except OSError:
        return None
