"""A training from start to end: its run folder, the loop, and what it leaves there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from dartsl.data.named import DATA, locate
from dartsl.data.text import Corpus
from dartsl.graph.count import parameters as count_parameters
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.effects import Found, idle
from dartsl.lang.settings.values import TrainConfig
from dartsl.nn.ambient import undisturbed
from dartsl.nn.blame import blamed
from dartsl.nn.build import Build
from dartsl.nn.supernet import Supernet, from_plan
from dartsl.run.callbacks import Callbacks
from dartsl.run.commands import command_line
from dartsl.run.determinism import kernels_of
from dartsl.run.devices import chosen, device_of
from dartsl.run.files import write_json
from dartsl.run.folder import RunFolder, free_name
from dartsl.run.given import require_given
from dartsl.run.job import Job
from dartsl.run.kinds import RESULT, TRAIN
from dartsl.run.loop import begin, held, own_generators, restore, run_session
from dartsl.run.names import RUNS, absolute, stem
from dartsl.run.notes import say_notes
from dartsl.run.parallel import ALONE, Group, joined
from dartsl.run.resuming import AS_IT_WAS, Anew, keep_inputs, record, reopened, tell_changes
from dartsl.run.starting import begun, run_info
from dartsl.run.tensorboard import require_tensorboard
from dartsl.run.torchrun import OwnError
from dartsl.training.init import begin_with
from dartsl.training.measured import Tested
from dartsl.training.report import trained_report
from dartsl.training.sessions import TrainSession, data_hash, data_of, session_of


@dataclass(frozen=True)
class TrainResult:
    """A run's folder; whether all epochs are done; its test figures, if so and not without `test`. `interrupted`: by
    Ctrl-C, which may have come after the last step.

    `parameters` are the network's, `auxiliary_parameters` those of the auxiliary head, which only training has.
    """

    path: Path
    finished: bool
    parameters: int
    auxiliary_parameters: int
    test: Tested | None = None
    interrupted: bool = False


@undisturbed()
def train(job: Job, config: TrainConfig, before: Callable[[], None] = lambda: None) -> TrainResult:
    """Train a decided network of a spec from scratch, and leave everything in a run folder.

    A folder that is not given is named after the spec, with `-trained`. The test images (or text) are looked at once,
    at the end; a part of the training images is for validation, and chooses nothing. The settings are complete.
    `before` is called when nothing but the folder can fail, before it is made.

    Raises SpecError for widths or sizes that do not fit, UserError for a spec that has choices left, for settings, data
    or a folder that cannot be used, and for a loss or gradient that is not finite: the state before that step is then
    saved.
    """
    require_tensorboard(config.tensorboard, job.out or RUNS / stem(job.source))
    config = replace(config, device=chosen(config.device))
    planned = decided_plan(job)
    with joined(config.device) as group:
        console = group.console(job.console)
        with group.together():
            here = replace(config, device=group.device(config.device))
            if job.given.data is None:
                locate(config.data, planned.network.takes)
            model = from_plan(job.spec, planned, Build.of(here), job.plugins)
            job, said = _begun_with(model, job)
            data = data_of(planned, here, group, job.given)
        with own_generators(here.device), kernels_of(here.device, here.deterministic):
            with group.together():
                session = session_of(model, here, data, group, job.given)
            found = data_hash(data)
            group.require_same("data", found)
            asked = replace(config, data=absolute(config.data))
            info = run_info(TRAIN, job, asked, model, found, session.inputs, group)
            before()
            path = job.out or free_name(RUNS, f"{stem(job.source)}-trained")
            with begun(path, job.spec, info, group) as folder:
                found_data = Found() if isinstance(data, Corpus) else data.found
                say_notes([*job.notes, *said, *data.notes, *idle(config, job.asked, found_data)], console)
                begin(session, folder, group)
                return _run(session, folder, console, group, job.callbacks)


@undisturbed()
def resume(path: Path, anew: Anew = AS_IT_WAS, *, console: Console | None = None) -> TrainResult:
    """Go on with a training as if it had never stopped; on the CPU bit for bit (with the same torch and threads).

    Raises UserError for a folder, checkpoint or data set that is not what the run left, and whatever `train` raises.
    """
    folder = RunFolder.open(path)
    device = device_of(folder, anew.device)
    anew = replace(anew, device=device)
    with joined(device) as group, held(folder, group):
        console = group.console(console)
        with group.together():
            session = reopened_session(folder, anew, group)
        config = session.config
        with own_generators(config.device), kernels_of(config.device, config.deterministic):
            restore(session, folder, group)
            record(anew, folder, session, bool(session.model.plugins), console, group)
            keep_inputs(folder, session.inputs, group)
            tell_changes(folder.info, console, config, group)
            return _run(session, folder, console, group, anew.callbacks)


def reopened_session(folder: RunFolder, anew: Anew = AS_IT_WAS, group: Group = ALONE) -> TrainSession:
    """The session of a run as it was at its start. Raises UserError."""
    info = folder.info
    require_training(folder)
    require_given(info.given, anew.given)
    job, config = reopened(folder, TrainConfig(), anew)
    config = replace(config, device=group.device(config.device))
    planned = decided_plan(job)
    if job.given.data is None:
        locate(config.data, planned.network.takes)
    model = from_plan(job.spec, planned, Build.of(config), job.plugins)
    if folder.unbegun:  # else its weights are in the checkpoint
        _begun_with(model, job)
    data = data_of(planned, config, group, job.given)
    if data_hash(data) != info.data_hash:
        what = DATA[planned.input.kind].several
        raise UserError(f"the {what} of {data.name} are not those that the run was started with")
    return session_of(model, config, data, group, job.given)


def _begun_with(model: Supernet, job: Job) -> tuple[Job, list[str]]:
    """Give a model the weights that it is to begin with: the job, with what was read, and what is to be said of it.

    Raises UserError.
    """
    if job.init is None:
        return job, []
    init, said = begin_with(model, job.init)
    return replace(job, init=init), [said]


def require_training(folder: RunFolder) -> None:
    """Raise UserError for the run of a search, whose network is still to be trained."""
    folder.require(TRAIN, f"`{command_line('dartsl', 'train', folder.path)}` trains what a search has found")


def decided_plan(job: Job) -> Plan:
    """The plan of a network that leaves nothing to choose. Raises UserError for another, SpecError."""
    planned, source = job.plan(), job.source
    open_cells = [cell.name for cell in planned.cells() if cell.searched_edges]
    if open_cells or not planned.decided:
        names = ", ".join(f"`{name}`" for name in open_cells) or "its cells"
        search = command_line("dartsl", "search", source.name)
        raise UserError(
            f"network `{planned.network.name}` of {source.name} leaves choices open, in {names}",
            help=f"search first: `{search}`, then `dartsl train` on the run's folder",
        )
    return planned


def _run(
    session: TrainSession, folder: RunFolder, console: Console, group: Group, callbacks: Callbacks
) -> TrainResult:
    config = session.config
    whole = count_parameters(session.model.graph)
    head = count_parameters(session.model.graph, layer="auxiliary")
    group.align(session.model)
    session.graphs.say = lambda text: say_notes([text], console)
    with blamed(session.model.plugins, OwnError if group.world > 1 else UserError):
        ending = run_session(session, folder, config.epochs, config.device, console, group, callbacks)
        test = session.test() if ending.finished and config.test else None
    if not ending.checked().finished:
        return TrainResult(folder.path, False, whole - head, head, interrupted=ending.interrupted)
    result = TrainResult(folder.path, True, whole - head, head, test, interrupted=ending.interrupted)
    with group.together():
        if group.chief:
            history = folder.history()
            write_json(folder.path / RESULT, _record(result, history[-1]))
            text = trained_report(result, session.closing(history))
            console.print(text, highlight=False, markup=False, soft_wrap=True)
    return result


def _record(result: TrainResult, last: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "parameters": result.parameters,
        "auxiliary_parameters": result.auxiliary_parameters,
        "epochs": last["epoch"],
        "validation": last["validation"],
        "test": None if result.test is None else result.test.record(),
    }
