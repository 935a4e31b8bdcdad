"""The search from start to end: the loop over epochs and steps, its run folder, and what it leaves there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from dartsl.data.named import locate
from dartsl.graph.draw import draw
from dartsl.graph.render import render
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.layer_choices import shown
from dartsl.lang.settings.effects import idle
from dartsl.lang.settings.methods import COST, NEVER
from dartsl.lang.settings.presets import notes
from dartsl.lang.settings.values import SearchConfig
from dartsl.lang.syntax.paths import printable
from dartsl.nn.ambient import undisturbed
from dartsl.nn.blame import blamed
from dartsl.run.callbacks import Callbacks, Ending
from dartsl.run.determinism import kernels_of
from dartsl.run.devices import chosen, device_of
from dartsl.run.files import write_bytes, write_text
from dartsl.run.folder import RunFolder, free_name
from dartsl.run.given import require_given
from dartsl.run.job import Job
from dartsl.run.kinds import SEARCH
from dartsl.run.layout import COSTS
from dartsl.run.loop import begin, held, own_generators, restore, run_session
from dartsl.run.names import RUNS, absolute, stem
from dartsl.run.notes import say_notes
from dartsl.run.parallel import Group, joined
from dartsl.run.resuming import AS_IT_WAS, Anew, keep_inputs, record, reopened, tell_changes
from dartsl.run.starting import begun, run_info
from dartsl.run.tensorboard import require_tensorboard
from dartsl.run.torchrun import OwnError
from dartsl.searching.derive import derivation, rederive
from dartsl.searching.init import begun_with
from dartsl.searching.prices import copies
from dartsl.searching.products import exact_notes
from dartsl.searching.readouts import READOUTS
from dartsl.searching.report import first_words, found_report
from dartsl.searching.session import SearchSession
from dartsl.searching.sessions import data_hash, data_of, found_of, notes_of
from dartsl.searching.skips import offers_skips
from dartsl.searching.stages import Course, saved_model


@dataclass(frozen=True)
class SearchResult:
    """A run's folder; whether all epochs are done; the found file's text, if so. `interrupted`: by Ctrl-C, which
    may have come after the last step."""

    path: Path
    finished: bool
    found: str | None = None
    interrupted: bool = False


@undisturbed()
def search(job: Job, config: SearchConfig) -> SearchResult:
    """Search a network of a spec with settings that are complete, and leave everything in a run folder.

    Raises SpecError for widths or sizes that do not fit, UserError for settings, data or a folder that cannot be used,
    and for a loss or gradient that is not finite: the state before that step is then saved.
    """
    require_tensorboard(config.tensorboard, job.out or RUNS / stem(job.source))
    config = replace(config, device=chosen(config.device))
    with joined(config.device) as group:
        console = group.console(job.console)
        with group.together():
            here = replace(config, device=group.device(config.device))
            _require_there(job, here)
            course = Course(job, here, group)
            model = course.model()
            job, said = begun_with(model, job)
            data = data_of(model, here, job.given)
        with own_generators(here.device), kernels_of(here.device, here.deterministic):
            with group.together():
                course.enter(model, data)
            found = data_hash(data)
            group.require_same("data", found)
            with group.together():
                kept = copies(config.cost) if COST in config.penalty else {}
            group.require_same("costs", "".join(kept.values()))
            asked = replace(config, data=absolute(config.data), cost=COSTS if kept else config.cost)
            info = run_info(SEARCH, job, asked, model, found, course.session.inputs, group, kept)
            del model  # the stages that follow need its memory
            with begun(job.out or free_name(RUNS, stem(job.source)), job.spec, info, group, kept) as folder:
                turned_out = replace(found_of(data, config), skips=offers_skips(course.session.model.plan))
                of_rule = ("stop",) if "method" in job.asked else ()  # a method's rule may never come to look
                idle_settings = idle(config, [*job.asked, *of_rule], turned_out)
                of_method = notes(config.method, job.picked().takes.kind)
                exact = config.order == "exact" or config.curvature > 0
                of_products = exact_notes(course.session.model.graph) if exact else ()
                say_notes([*said, *of_method, *notes_of(data), *of_products, *idle_settings], console)
                begin(course.session, folder, group)
                return _run(course, folder, console, group, job.callbacks)


@undisturbed()
def resume(path: Path, anew: Anew = AS_IT_WAS, *, console: Console | None = None) -> SearchResult:
    """Go on with a run as if it had never stopped; on the CPU bit for bit.

    That takes the torch and the number of threads that the run was started with: sums depend on both, so
    others are reported on the console. Raises UserError for a folder, checkpoint or data set that is not what the run
    left, and whatever `search` raises.
    """
    folder = RunFolder.open(path)
    folder.require(SEARCH, f"go on with it: {folder.kind.go_on(path)}")
    device = device_of(folder, anew.device)
    anew = replace(anew, device=device)
    with joined(device) as group, held(folder, group):
        return _resume(folder, anew, group.console(console), group)


def _resume(folder: RunFolder, anew: Anew, console: Console, group: Group) -> SearchResult:
    info = folder.info
    with group.together():
        require_given(info.given, anew.given)
        job, config = reopened(folder, SearchConfig(), anew)
        config = replace(config, device=group.device(config.device))
        if COSTS in info.copies:
            config = replace(config, cost=str(folder.copied(COSTS)))
        _require_no_other_stages(folder, config, anew)
        _require_there(job, config)
        course = Course(job, config, group)
        model, number = saved_model(course, folder)
        if folder.unbegun:  # else its weights are in the checkpoint
            begun_with(model, job)
        data = data_of(model, config, job.given)
        if data_hash(data) != info.data_hash:
            raise UserError(f"the data of {data.name} are not those that the run was started with")
    with own_generators(config.device), kernels_of(config.device, config.deterministic):
        with group.together():
            course.enter(model, data, number)
        restore(course.session, folder, group)
        with group.together():
            _require_going_on(course.session, folder, anew)
        record(anew, folder, course.session, bool(model.plugins), console, group)
        del model  # the stages that follow need its memory
        keep_inputs(folder, course.session.inputs, group)
        tell_changes(info, console, config, group)
        return _run(course, folder, console, group, anew.callbacks)


def _require_going_on(session: SearchSession[Any], folder: RunFolder, anew: Anew) -> None:
    """Raises UserError where other epochs are asked for, and change nothing: a rule has ended the search."""
    if anew.epochs in (None, folder.info.settings["epochs"]):
        return
    if (ended := session.following.ended) is not None:
        edges = "are decided" if session.finished else "are being decided"
        raise UserError(
            f"the search of {folder.path} is over after epoch {ended}, and its edges {edges}",
            "start another search for another number of epochs",
        )
    if session.stopped is not None:
        rule = printable(str(session.config.stop))
        raise UserError(
            f"{folder.path} was ended after epoch {session.epoch} by its stop rule `{rule}`: {session.stopped.reason}",
            f"it stays ended with any number of epochs; start another search, without the rule: --stop {NEVER}",
        )


def _require_no_other_stages(folder: RunFolder, config: SearchConfig, anew: Anew) -> None:
    """Raises UserError where other epochs are asked for than those that the stages which are over were part of."""
    if config.stages and anew.epochs not in (None, folder.info.settings["epochs"]):
        raise UserError(
            f"{folder.path} is a search in stages, each of which has its part of all epochs",
            "go on without --epochs, or start another search",
        )


def _require_there(job: Job, config: SearchConfig) -> None:
    """Raises UserError where what the settings name is not there."""
    if job.given.data is None:
        locate(config.data, job.picked().takes)
    READOUTS.of(config.relaxation)  # it is needed first after an epoch


def _run(
    course: Course, folder: RunFolder, console: Console, group: Group, callbacks: Callbacks
) -> SearchResult:
    """Take the steps that are left of all stages."""
    while True:
        ending = _run_stage(course, folder, console, group, callbacks)
        if not ending.checked().finished:
            return SearchResult(folder.path, finished=False, interrupted=ending.interrupted)
        if course.last:
            break
        with group.together():
            course.advance()
    found = ""
    with group.together():
        if group.chief:
            found = _finish(folder, console, course.session.closing(folder.history()[-1]))
    return SearchResult(
        folder.path, finished=True, found=group.broadcast(found), interrupted=ending.interrupted
    )


def _run_stage(
    course: Course, folder: RunFolder, console: Console, group: Group, callbacks: Callbacks
) -> Ending:
    session, device = course.session, course.config.device
    epochs = course.config.epochs + session.following.epochs
    if words := course.words():
        console.print(words, highlight=False, markup=False, soft_wrap=True)
    group.align(session.model)
    session.graphs.say = lambda text: say_notes([text], console)
    with blamed(session.model.plugins, OwnError if group.world > 1 else UserError):
        return run_session(session, folder, epochs, device, console, group, callbacks, last=course.last)


def _finish(folder: RunFolder, console: Console, closing: Sequence[str]) -> str:
    """Derive the found architecture, write it, draw it, and report; its text."""
    text = rederive(folder.path)
    write_text(folder.found, text)
    derived = derivation(folder)
    found = shown(check(Source(str(folder.found), text, folder.found)), folder.info.network)
    names = (each.cell.name for each in derived.cells)
    dot = draw([found.cells[name] for name in names if name in found.cells])  # others stand nowhere any more
    write_text(folder.path / "found.dot", dot)
    notes = []
    try:
        write_bytes(folder.path / "found.svg", render(dot, "svg"))
    except UserError as error:
        notes = [f"no found.svg: {error.message}", *([error.help] if error.help else [])]
    report = found_report(derived.cells, folder.path, closing, first_words(text, derived))
    console.print("\n".join([report, *notes]), highlight=False, markup=False, soft_wrap=True)
    return text
