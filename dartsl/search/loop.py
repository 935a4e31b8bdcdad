"""The search from start to end: the loop over epochs and steps, its run folder, and what it leaves there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from rich.console import Console

from dartsl.data.text import Corpus
from dartsl.graph.draw import draw
from dartsl.graph.render import render
from dartsl.lang.check import check
from dartsl.lang.diagnostics import UserError
from dartsl.lang.model import Spec
from dartsl.lang.settings import SearchConfig
from dartsl.lang.source import Source
from dartsl.nn.supernet import Supernet
from dartsl.nn.supernet import compile as compile_network
from dartsl.run.files import write_bytes, write_json, write_text
from dartsl.run.folder import RunFolder, free_name
from dartsl.run.loop import (
    RUNS,
    absolute,
    own_generators,
    reopened,
    restore,
    run_info,
    run_session,
    save,
    stem,
    tell_changes,
)
from dartsl.run.tensorboard import require_tensorboard
from dartsl.search.derive import derived_cells, rederive
from dartsl.search.report import found_report
from dartsl.search.session import SearchSession
from dartsl.search.sessions import data_hash, data_of, session_of


@dataclass(frozen=True)
class SearchResult:
    """A run's folder; whether all epochs are done (else it was interrupted); the found file's text, if so."""

    path: Path
    finished: bool
    found: str | None = None


def search(
    source: Source,
    config: SearchConfig,
    *,
    network: str | None = None,
    parameters: Mapping[str, Fraction | int] | None = None,
    out: Path | None = None,
    plugins: Sequence[str | Path] = (),
    command: str = "dartsl.search(...)",
    console: Console | None = None,
) -> SearchResult:
    """Search a network of a spec with settings that are complete, and leave everything in a run folder.

    `out` is that folder, which must not exist; by default it is `runs/` and the spec's name, with -2, -3, ...
    where that is taken. `parameters` replace the network's defaults, `plugins` are files that implement
    `extern op`s, `command` is recorded. Progress goes to `console` (standard output by default).

    Raises SpecError for a fault in the spec, UserError for settings, data or a folder that cannot be used,
    and for a loss or gradient that is not finite: the state before that step is then saved.
    """
    require_tensorboard(config.tensorboard)
    spec = check(source)
    config = replace(config, data=absolute(config.data))
    model = compiled(spec, network, parameters or {}, config, plugins)
    data = data_of(model, config)
    with own_generators(config.device):
        session = session_of(model, config, data)
        info = run_info("search", source, spec, model.plan, config, data_hash(data), plugins, command)
        folder = RunFolder.create(out or free_name(RUNS, stem(source)), spec.files, info)
        with folder.held():
            if isinstance(data, Corpus):
                write_json(folder.vocabulary, data.record())
            save(session, folder)
            return _run(session, folder, console or Console())


def resume(path: Path, *, device: str | None = None, console: Console | None = None) -> SearchResult:
    """Go on with a run as if it had never stopped; on the CPU bit for bit.

    That takes the torch and the number of threads that the run was started with: sums depend on both, so
    others are told on the console. `device` overrides the run's own. Raises UserError for a folder, checkpoint
    or data set that is not what the run left, and whatever `search` raises.
    """
    folder = RunFolder.open(path)
    if folder.info.kind != "search":
        raise UserError(f"{path} is a run of `{folder.info.kind}`, not of a search")
    with folder.held():
        return _resume(folder, device, console or Console())


def _resume(folder: RunFolder, device: str | None, console: Console) -> SearchResult:
    info = folder.info
    _, spec, config, parameters = reopened(folder, SearchConfig(), device)
    model = compiled(spec, info.network, parameters, config, info.plugins)
    data = data_of(model, config)
    if data_hash(data) != info.data_hash:
        raise UserError(f"the data of {data.name} are not those that the run was started with")
    with own_generators(config.device):
        session = session_of(model, config, data)
        restore(session, folder)
        tell_changes(info, console)
        return _run(session, folder, console)


def compiled(
    spec: Spec,
    network: str | None,
    parameters: Mapping[str, Fraction | int],
    config: SearchConfig,
    plugins: Sequence[str | Path],
) -> Supernet:
    """The supernet that the settings ask for. Raises SpecError, UserError."""
    return compile_network(
        spec,
        network,
        parameters,
        level=config.optimise,
        seed=config.seed,
        device=config.device,
        dtype=config.dtype,
        plugins=list(plugins),
        memory=config.memory,
        amp=config.amp,
    )


def _run(session: SearchSession[Any], folder: RunFolder, console: Console) -> SearchResult:
    config = session.config
    if run_session(session, folder, config.epochs, config.device, console, "dartsl search --resume"):
        return _finish(folder, console, session.closing(folder.history()[-1]))
    return SearchResult(folder.path, finished=False)


def _finish(folder: RunFolder, console: Console, closing: Sequence[str]) -> SearchResult:
    """Derive the found architecture, write it, draw it, and report."""
    text = rederive(folder.path)
    write_text(folder.found, text)
    cells = derived_cells(folder)
    found = check(Source(str(folder.found), text, folder.found))
    dot = draw([found.cells[derived.cell.name] for derived in cells])
    write_text(folder.path / "found.dot", dot)
    notes = []
    try:
        write_bytes(folder.path / "found.svg", render(dot, "svg"))
    except UserError as error:
        notes = [f"no found.svg: {error.message}", *([error.help] if error.help else [])]
    report = found_report(cells, folder.path, closing)
    console.print("\n".join([report, *notes]), highlight=False, markup=False, soft_wrap=True)
    return SearchResult(folder.path, finished=True, found=text)
