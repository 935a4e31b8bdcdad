"""A sweep at work: every job is started when those that it needs are done, and one that fails stops no other."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.run.commands import command_line
from dartsl.run.interrupt import Interruption, interruption
from dartsl.sweeping.executor import Ended, Executor, Task
from dartsl.sweeping.folder import RUNS, SweepFolder
from dartsl.sweeping.looking import look_up
from dartsl.sweeping.picking import pick
from dartsl.sweeping.plan import OWN, Job
from dartsl.sweeping.progress import SweepProgress

WORKS = {"pick": pick, "lookup": look_up}  # of each kind in OWN
LOOK = 0.5  # seconds between two looks at how far the jobs are
LOSSES = 3  # times that a job is started again whose machine was lost


@dataclass(frozen=True)
class Outcome:
    """What a sweep has come to.

    finished     whether all jobs are done
    failed       the jobs that have failed, by their names
    waiting      those that could not be started, since one that they need has failed, or the sweep was stopped
    interrupted  whether Ctrl-C or SIGTERM has stopped it
    """

    finished: bool
    failed: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    interrupted: bool = False


@dataclass
class _State:
    """Where a sweep stands: the names of its jobs."""

    done: set[str] = field(default_factory=set)
    running: dict[str, Job] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    losses: Counter[str] = field(default_factory=Counter)

    def ready(self, job: Job) -> bool:
        """Whether a job may be started now."""
        begun = job.name in self.done or job.name in self.running or job.name in self.failed
        return not begun and set(job.needs) <= self.done


def run(folder: SweepFolder, executor: Executor, console: Console, plugins: Collection[Path] = ()) -> Outcome:
    """Run all jobs that are not done. `plugins` are given to those that read a spec.

    Ctrl-C or SIGTERM lets those that run save and end; a second one raises KeyboardInterrupt, and ends them at once.
    Raises UserError where the folder cannot be written.
    """
    jobs = folder.plan.jobs
    state = _State({job.name for job in jobs if folder.done(job)})
    with SweepProgress(console, jobs, state.done) as progress:
        if not state.done:  # the protocol is stated before anything runs
            for line in (*folder.plan.protocol.sentences, ""):
                progress.say(line)
        sweep = _Sweep(folder, executor, progress, state, plugins)
        with executor, interruption(lambda: _say_stopping(console)) as stop:
            sweep.work(stop)
    names = [job.name for job in jobs]
    return Outcome(
        len(state.done) == len(jobs),
        tuple(name for name in names if name in state.failed),
        tuple(name for name in names if name not in state.done | state.failed),
        stop.requested,
    )


class _Sweep:
    """What `run` needs in every step."""

    def __init__(
        self,
        folder: SweepFolder,
        executor: Executor,
        progress: SweepProgress,
        state: _State,
        plugins: Collection[Path],
    ) -> None:
        self.folder = folder
        self.executor = executor
        self.progress = progress
        self.state = state
        self.plugins = plugins

    def work(self, stop: Interruption) -> None:
        """Until nothing runs and nothing can be started, or, once it is to stop, nothing runs."""
        stopped = False
        while True:
            if not stop.requested:
                self._start_all()
            elif not stopped:
                self.executor.stop()
                stopped = True
            if not self.state.running:
                return
            for ended in self.executor.wait(LOOK):
                self._end(ended, stopped)
            self.progress.running({job.name: self._part(job) for job in self.state.running.values()})

    def _start_all(self) -> None:
        """Start what may be started. What is picked or looked up is so at once, which may let others start."""
        for job in self.folder.plan.jobs:
            if not self.state.ready(job):
                continue
            if job.kind in OWN:
                self._work(job)
            elif self.executor.free:
                self.executor.start(task_of(self.folder, job, self.plugins))
                self.state.running[job.name] = job

    def _work(self, job: Job) -> None:
        try:
            WORKS[job.kind](self.folder, job)
        except (UserError, SpecError) as fault:
            self.state.failed.add(job.name)
            self.folder.note(job, 1, 0.0)
            self.progress.say(f"{job.name} failed: {fault}")
        else:
            self.state.done.add(job.name)
            self.progress.done(job.name)

    def _end(self, ended: Ended, stopped: bool) -> None:
        job = self.state.running.pop(ended.name)
        self.folder.note(job, ended.exit, ended.seconds)
        if ended.lost and not stopped and self.state.losses[job.name] < LOSSES:
            self.state.losses[job.name] += 1
            self.progress.say(f"{job.name} is started again: {ended.lost}")
        elif ended.exit == 0 and self._done(job):
            self.state.done.add(job.name)
            self.progress.done(job.name)
            self.progress.line(job.name, "done", ended.seconds)
        elif not stopped:
            self.state.failed.add(job.name)
            log = self.folder.log(job).relative_to(self.folder.path)
            how = f"was lost {LOSSES + 1} times" if ended.lost else f"failed with exit code {ended.exit}"
            self.progress.line(job.name, f"{how} ({log})", ended.seconds)
            if fault := self.folder.fault(job):
                self.progress.say(fault)

    def _done(self, job: Job) -> bool:
        """Whether what a job has written is whole."""
        until = time.monotonic() + self.executor.late
        while not (done := self.folder.done(job)) and time.monotonic() < until:
            time.sleep(LOOK)
        return done

    def _part(self, job: Job) -> float:
        """The part of a run that is over."""
        epochs = epochs_of(job)
        return min(self.folder.epochs(job) / epochs, 1.0) if epochs else 0.0


def task_of(folder: SweepFolder, job: Job, plugins: Collection[Path] = (), *, logged: bool = True) -> Task:
    """A job as it is to be run now: begun, or gone on with. Raises UserError."""
    folder.clear(job)
    return Task(
        job.name,
        (*folder.words(job), *_named(job, plugins)),
        folder.path.resolve(),
        folder.log(job).resolve() if logged else None,
        folder.lock(job).resolve(),
        environment(folder.plan.protocol.threads),
    )


def environment(threads: int) -> Mapping[str, str]:
    """What a job's environment has so that its numbers depend on the plan alone."""
    return {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def _named(job: Job, plugins: Collection[Path]) -> tuple[str, ...]:
    """A plan names no plugins: they are code, and a plan may come from anyone."""
    if job.kind not in RUNS:
        return ()
    return tuple(word for plugin in plugins for word in ("--plugin", str(plugin.resolve())))


def epochs_of(job: Job) -> int:
    """The epochs of a run, as its command says; 0: it is none."""
    words = job.command
    return int(words[words.index("--epochs") + 1]) if "--epochs" in words else 0


def run_one(
    folder: SweepFolder, job: Job, executor: Callable[[], Executor], plugins: Collection[Path] = ()
) -> int:
    """Run one job, which prints where this process does: its exit code. One that is done is left as it is.

    Several processes may do so in one folder. Raises UserError where a job is not done that it needs, or for what is
    picked.
    """
    if folder.done(job):
        return 0
    missing = [name for name in job.needs if not folder.done(folder.plan.job(name))]
    if missing:
        raise UserError(f"{job.name} needs {missing[0]}, which is not done")
    if job.kind in OWN:
        WORKS[job.kind](folder, job)
        return 0
    with executor() as place, interruption() as stop:
        place.start(task_of(folder, job, plugins, logged=False))
        stopped = False
        while not (over := place.wait(LOOK)):
            if stop.requested and not stopped:
                place.stop()
                stopped = True
    folder.note(job, over[0].exit, over[0].seconds)
    return over[0].exit


def lines(folder: SweepFolder, plugins: Collection[Path] = ()) -> list[str]:
    """The jobs that are not done as lines for a shell in the sweep's folder, each after those that it needs.

    A line begins a job, goes on with it, or leaves it as it is where it is done; what it runs stands behind it.
    """
    named = [word for plugin in plugins for word in ("--plugin", str(plugin.resolve()))]
    found = []
    for job in folder.plan.jobs:
        if not folder.done(job):
            runs = "" if job.kind == "pick" else f"  # {command_line('dartsl', *job.command)}"
            found.append(command_line("dartsl", "sweep", "--resume", ".", "--job", job.name, *named) + runs)
    return found


def _say_stopping(console: Console) -> None:
    """Called from within a signal handler."""
    if not console.quiet:
        os.write(2, b"\nstopping: jobs finish their step and save; Ctrl-C again stops at once\n")
