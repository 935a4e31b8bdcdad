"""The search from start to end: the loop over epochs and steps, its run folder, and what it leaves there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from dartsl.data.detect import EMBEDDED
from dartsl.data.text import TEXTS, Corpus
from dartsl.graph.draw import draw
from dartsl.graph.render import render
from dartsl.lang.check import check
from dartsl.lang.diagnostics import UserError
from dartsl.lang.loader import read
from dartsl.lang.model import Spec
from dartsl.lang.settings import SearchConfig, configure
from dartsl.lang.source import Source
from dartsl.nn.supernet import Supernet
from dartsl.nn.supernet import compile as compile_network
from dartsl.run import checkpoint
from dartsl.run.files import write_bytes, write_json, write_text
from dartsl.run.folder import RunFolder, RunInfo, free_name, spec_hash, versions
from dartsl.run.interrupt import interruption
from dartsl.run.progress import RunProgress
from dartsl.search.bilevel import NonFiniteError
from dartsl.search.derive import derived_cells, rederive
from dartsl.search.report import found_report
from dartsl.search.session import SearchSession
from dartsl.search.sessions import Data, data_hash, data_of, session_of

RUNS = Path("runs")  # where a run goes that was given no folder


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
    spec = check(source)
    config = replace(config, data=_absolute(config.data))
    model = compiled(spec, network, parameters or {}, config, plugins)
    data = data_of(model, config)
    with own_generators(config):
        session = session_of(model, config, data)
        info = _info(source, spec, model, config, data, plugins, command)
        folder = RunFolder.create(out or free_name(RUNS, _stem(source)), spec.files, info)
        with folder.held():
            if isinstance(data, Corpus):
                write_json(folder.vocabulary, data.record())
            _save(session, folder)
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
    path, info = folder.path, folder.info
    source = read(str(folder.spec))
    spec = check(source)
    if spec_hash(spec.files) != info.spec_hash:
        raise UserError(
            f"{folder.spec} or a file it imports is not the one that the run was started with",
            help="a run can only go on with its own spec; start another search for a changed one",
        )
    try:
        config = configure(SearchConfig(), info.settings)
        parameters = {name: Fraction(value) for name, value in info.parameters.items()}
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise UserError(f"{path / 'run.json'} is damaged: {error}") from None
    if device is not None:
        config = replace(config, device=device)
    state = checkpoint.load(folder.checkpoint, info.identity)
    model = compiled(spec, info.network, parameters, config, info.plugins)
    data = data_of(model, config)
    if data_hash(data) != info.data_hash:
        raise UserError(f"the data of {data.name} are not those that the run was started with")
    with own_generators(config):
        session = session_of(model, config, data)
        try:
            session.load_state_dict(state)
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise UserError(f"{folder.checkpoint} does not fit the run it lies in") from error
        folder.keep_epochs(session.epoch)
        _tell_changes(info, console)
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
    """The loop: epochs, steps, a checkpoint behind each epoch and wherever it is stopped."""
    epochs, steps = session.config.epochs, len(session.batches)
    done = session.epoch * steps + session.batches.step
    with (
        RunProgress(console, epochs, steps, done) as progress,
        interruption(progress.interrupted) as stop,
    ):
        while session.epoch < epochs:
            session.begin_epoch()
            for indices in session.batches:
                with _failing_safely(session, folder):
                    session.take_step(indices)
                progress.step(
                    session.epoch + 1, session.batches.step, session.figures(), len(session.batches)
                )
                if stop.requested:
                    return _stopped(session, folder, progress)
            figures = session.figures()
            row = session.end_epoch()
            folder.record(row, {"epoch": session.epoch, "alphas": session.alphas()})
            _save(session, folder)
            progress.epoch(session.epoch, figures)
    return _finish(folder, console, session.closing(folder.history()[-1]))


def _stopped(session: SearchSession[Any], folder: RunFolder, progress: RunProgress) -> SearchResult:
    _save(session, folder)
    progress.say(
        f"stopped in epoch {session.epoch + 1} behind step {session.batches.step}; everything is saved"
    )
    progress.say(f"go on with: dartsl search --resume {folder.path}")
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


@contextmanager
def _failing_safely(session: SearchSession[Any], folder: RunFolder) -> Iterator[None]:
    """A step that fails leaves the state before it in the checkpoint, and a message with advice."""
    try:
        yield
    except NonFiniteError as fault:
        place = f"step {session.batches.step} of epoch {session.epoch + 1}"
        session.undo()
        _save(session, folder)
        raise UserError(
            f"{place}: the {fault.quantity} is not finite; "
            f"the largest gradient is {fault.largest:g}, of {fault.parameter}",
            help="start again with a lower lr or alphas_lr, a lower clip, or dtype float64; "
            f"the state before this step is saved in {folder.path}",
        ) from None
    except RuntimeError as error:  # GPUs have an error of their own for it, the CPU has not
        if not isinstance(error, torch.OutOfMemoryError) and "you tried to allocate" not in str(error):
            raise
        session.undo()
        _save(session, folder)
        raise UserError(
            f"{session.config.device} has too little memory for a step of this size",
            help="--memory low, a smaller --batch, fewer channels (--set C=...), or --order 1",
        ) from error


@contextmanager
def own_generators(config: SearchConfig) -> Iterator[None]:
    """Leave torch's own generators, which each pass seeds for plugins, to the caller as they were."""
    device = torch.device(config.device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


def _save(session: SearchSession[Any], folder: RunFolder) -> None:
    checkpoint.save(folder.checkpoint, folder.info.identity, session.state_dict())


def _info(
    source: Source,
    spec: Spec,
    model: Supernet,
    config: SearchConfig,
    data: Data,
    plugins: Sequence[str | Path],
    command: str,
) -> RunInfo:
    settings: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return RunInfo(
        kind="search",
        source=source.name,
        spec_hash=spec_hash(spec.files),
        network=model.plan.network.name,
        parameters={name: str(value) for name, value in model.plan.parameters.items()},
        settings=settings,
        seed=config.seed,
        command=command,
        plugins=[str(Path(plugin).resolve()) for plugin in plugins],
        data_hash=data_hash(data),
        versions=_surroundings(),
    )


def _surroundings() -> dict[str, str]:
    """What decides a run's numbers besides the run."""
    return versions() | {"threads": str(torch.get_num_threads())}


def _tell_changes(info: RunInfo, console: Console) -> None:
    changes = [
        f"{name} was {before}, is {now}"
        for name, now in _surroundings().items()
        if (before := info.versions.get(name, now)) != now
    ]
    if changes:
        line = f"goes on, but perhaps not bit for bit: {'; '.join(changes)}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _stem(source: Source) -> str:
    """The name of a run of a spec: `digits` for digits.darts, `spec` for text from nowhere."""
    return source.path.stem if source.path is not None else "spec"


def _absolute(data: str) -> str:
    """A path that still names the data when the run goes on from another folder."""
    if not data or data in EMBEDDED or data in TEXTS:
        return data
    path = Path(data).expanduser()
    return str(path.resolve()) if path.exists() else data
