"""Sweeps: planned, run, gone on with. No torch: jobs are processes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from dartsl.api import types
from dartsl.api.arguments import require
from dartsl.api.jobs import console_of
from dartsl.api.settings import SweepSettings
from dartsl.api.specs import RunLike, SpecLike, path_of
from dartsl.run.commands import command_line
from dartsl.run.interrupt import Interrupted

if TYPE_CHECKING:
    from dartsl.sweeping.executor import Executor
    from dartsl.sweeping.plan import Protocol


@dataclass(frozen=True)
class Sweep:
    """A sweep's folder; whether all of its jobs are done, and the names of those that have failed.

    It stands for its folder wherever a path may.
    """

    path: Path
    finished: bool
    failed: tuple[str, ...] = ()

    def __fspath__(self) -> str:
        return os.fspath(self.path)


def sweep(
    spec: SpecLike,
    out: str | Path | None = None,
    *,
    plugins: Sequence[str | Path] = (),
    jobs: int = 1,
    on: str | None = None,
    command: str = "dartsl.sweep(...)",
    console: types.Console | None = None,
    quiet: bool = False,
    **asked: Unpack[SweepSettings],
) -> Sweep:
    """Search a spec with several methods and seeds, draw random architectures of the same space, select by a rule, and
    train all in the same way: one folder, whose `sweep.json` has the protocol and every job before the first one runs.

    spec        a path, the name of a shipped spec, a Source or a Spec
    out         the sweep's folder; by default `runs/`, the spec's name and `-sweep`
    plugins     files that implement `extern op`s; the plan does not name them, so that `resume_sweep` needs them again
    jobs        how many run side by side: they share the cores, and the GPUs. With `on`: how many share a machine like
                this one, which makes the threads of each
    on          "auto" or "HOST:PORT": the jobs are tasks of this Ray cluster (`dartsl[ray]`), which starts as many as
                it has room for
    command, console, quiet   as those of `dartsl.search`

    What else is asked for:

    seeds       how many of each arm, by default 3, from `first_seed` (0) on
    methods     those that are compared; by default the spec's own
    vary        settings of the search with several values each: every method with every choice of them is an arm
    random      how many random architectures are treated as found ones are; by default as many as there are seeds
    random_at_cost  how many more at most, for what the costliest arm takes: all are trained shortly, and the one that
                is selected is trained. By default four times `random`, and none where `select` is `search`
    select      `short:EPOCHS`, by the validation loss of a training of so many epochs, by default a fifth of a
                training's; or `search`, by the search's own; or, with a table, `table:COLUMN`
    recipes     settings of the training with several values each: each architecture is trained by every choice of them
    epochs, train_epochs   of the searches and of the trainings, in place of the spec's
    search, train   other settings of all searches and of all trainings
    data        the name or path of a data set, in place of the spec's
    table       a CSV file whose figures stand in place of trainings, as `dartsl.lookup` reads it, with `architectures`,
                `columns`, `lower_is_better` and `isomorphic`: nothing is trained, and by default `search` selects
    device      of all jobs, such as `cpu` or `cuda`; by default a GPU where there is one
    network, parameters   which network of the spec, and its parameters, such as {"C": 8}

    A job that fails does not stop those that do not need it: they are named in `failed`. Ctrl-C lets the jobs save, and
    raises KeyboardInterrupt; `resume_sweep` goes on, also after a kill. Raises SpecError for a fault in the spec, and
    UserError for what cannot be used, before anything runs.
    """
    folder = plan_sweep(spec, out, jobs=jobs, on=on, command=command, **asked)
    return resume_sweep(folder, jobs=jobs, on=on, plugins=plugins, console=console, quiet=quiet)


def plan_sweep(
    spec: SpecLike,
    out: str | Path | None = None,
    *,
    jobs: int = 1,
    on: str | None = None,
    command: str = "dartsl.sweep(...)",
    **asked: Unpack[SweepSettings],
) -> Path:
    """The folder of a sweep with its plan, of which nothing runs yet. Arguments are those of `sweep`; it raises what
    that raises before anything runs."""
    from dartsl.api.designing import planned
    from dartsl.run.folder import free_name
    from dartsl.sweeping.folder import SweepFolder

    require(out=out, command=command, jobs=jobs, on=on)
    plan, texts, stem = planned(spec, jobs, command, asked)
    _executor(jobs, on, plan.protocol)  # where they cannot run nothing is written
    path = free_name(Path("runs"), f"{stem}-sweep") if out is None else Path(out)
    return SweepFolder.made(path, plan, texts).path


def resume_sweep(
    sweep: RunLike,
    *,
    jobs: int = 1,
    on: str | None = None,
    plugins: Sequence[str | Path] = (),
    console: types.Console | None = None,
    quiet: bool = False,
) -> Sweep:
    """Go on with a sweep that was stopped, killed, or had jobs that failed: what is done is left as it is.

    `jobs` may be another number than before: each job has the threads that the plan says. `on`, as that of `sweep`,
    goes on on a Ray cluster, wherever the jobs ran before; it starts as many as it has room for, whatever `jobs` says.
    Raises UserError for a folder that is none of a sweep, or is at work; KeyboardInterrupt after Ctrl-C.
    """
    from rich.console import Console

    from dartsl.sweeping.folder import SweepFolder
    from dartsl.sweeping.looking import require_unchanged
    from dartsl.sweeping.runner import run

    require(jobs=jobs, on=on)
    console = console_of(console, quiet) or Console()
    folder = SweepFolder.open(path_of(sweep))
    require_unchanged(folder)
    with folder.held():
        executor = _executor(jobs, on, folder.plan.protocol)
        outcome = run(folder, executor, console, [Path(plugin) for plugin in plugins])
    found = Sweep(folder.path, outcome.finished, outcome.failed)
    say = partial(console.print, highlight=False, markup=False, soft_wrap=True)
    for name in outcome.failed:
        say(f"failed: {name}")
    if outcome.finished:
        say(f"\nsweep folder  {folder.path}")
    else:
        say(f"go on with: {command_line('dartsl', 'sweep', '--resume', folder.path)}")
    if outcome.interrupted:
        raise Interrupted(found)
    return found


def _executor(jobs: int, on: str | None, protocol: Protocol) -> Executor:
    """What runs the jobs: this machine, or a Ray cluster. Raises UserError where that cannot be."""
    from dartsl.sweeping.machine import gpus_of
    from dartsl.sweeping.on_ray import OnRay
    from dartsl.sweeping.processes import Processes

    if on is None:
        return Processes(jobs, gpus_of(protocol.device))
    return OnRay(on, protocol.threads, protocol.device)


def run_job(sweep: RunLike, name: str, *, plugins: Sequence[str | Path] = ()) -> int:
    """Run one job of a sweep, or go on with it, as a line of `sweep_lines` does: the exit code of its process.

    Raises UserError where there is no such job, or one that it needs is not done.
    """
    from dartsl.sweeping.folder import SweepFolder
    from dartsl.sweeping.looking import require_unchanged
    from dartsl.sweeping.processes import Processes
    from dartsl.sweeping.runner import run_one

    folder = SweepFolder.open(path_of(sweep))
    require_unchanged(folder)
    files = [Path(plugin) for plugin in plugins]
    return run_one(folder, folder.plan.job(name), lambda: Processes(1), files)


def sweep_lines(sweep: RunLike, *, plugins: Sequence[str | Path] = ()) -> list[str]:
    """The jobs of a sweep that are not done as lines for a shell in its folder, each after those that it needs.

    Raises UserError.
    """
    from dartsl.sweeping.folder import SweepFolder
    from dartsl.sweeping.runner import lines

    return lines(SweepFolder.open(path_of(sweep)), [Path(plugin) for plugin in plugins])
