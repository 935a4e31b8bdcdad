"""The folder of a sweep: made with its plan, held, and asked which jobs are done.

    sweep.json    the plan
    spec.darts    the spec as it was, and the files it imports beside it
    table.csv     the table in which is looked up, if any
    search/ random/ random_at_cost/ select/ picked/ train/ lookup/    what the jobs leave
    logs/         what each job has printed, by its name
    jobs/         how the last try of each job has ended, and the seconds of all

A job is done when its output says so, never because a runner has noted it: a runner may die at any moment.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.paths import exists, reason
from dartsl.run.commands import command_line
from dartsl.run.files import TEMPORARY, files_below, parse_json, read_file, sweep, write_json, write_text
from dartsl.run.kinds import SEARCH as SEARCH_RUN
from dartsl.run.kinds import TRAIN as TRAIN_RUN
from dartsl.run.layout import LOCK, RUN
from dartsl.run.schema import MisfitError, number, record, whole
from dartsl.sweeping.plan import SWEEP, Job, SweepPlan, read_plan, write_plan

LONGEST = 10_000  # bytes at the end of a log in which its error is looked for
RUNS = {"search": SEARCH_RUN, "select": TRAIN_RUN, "train": TRAIN_RUN}  # jobs that are runs
INTERRUPTED = 130  # the exit code of a command that Ctrl-C or SIGTERM has stopped
_TRY = record({"exit": whole(low=-1000), "seconds": number(0)})


@dataclass(frozen=True)
class Try:
    """How the last try of a job has ended, and the seconds of all its tries. `exit` is that of its process: of one that
    was killed minus the signal's number."""

    exit: int
    seconds: float

    @property
    def failed(self) -> bool:
        """Whether it has failed: a job that the sweep has stopped, perhaps before it could save, has not."""
        return self.exit not in (0, INTERRUPTED, -signal.SIGTERM)


class SweepFolder:
    """An existing folder of a sweep, with its plan."""

    def __init__(self, path: Path, plan: SweepPlan) -> None:
        self.path = path
        self.plan = plan

    @classmethod
    def made(cls, path: Path, plan: SweepPlan, texts: Mapping[str, str]) -> SweepFolder:
        """Make the folder, with the spec and what it imports, as texts by their places, and the plan last.

        An empty folder is taken, and what a process has left that died here before the plan was written. Raises
        UserError where anything else is there, or it cannot be made.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            whole = (file for file in files_below(path) if not TEMPORARY.fullmatch(file.name))
            if any(file.relative_to(path).as_posix() not in texts for file in whole):
                raise _taken(path)
        except (OSError, ValueError) as error:  # ValueError: no folder can have this name
            if exists(path):
                raise _taken(path) from None
            raise UserError(f"cannot make the folder {path}: {reason(error)}") from error
        for name, text in texts.items():
            write_text(with_folder(path / name), text)
        write_plan(path, plan)
        return cls(path, plan)

    @classmethod
    def open(cls, path: Path) -> SweepFolder:
        """Raises UserError where there is no sweep, or it is damaged."""
        return cls(path, read_plan(path))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for this process alone, and clear away what killed ones have left. Raises UserError."""
        lock = FileLock(self.path / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(
                f"another process works on the sweep in {self.path}", "wait for it, or stop it first"
            ) from None
        except OSError as error:
            raise UserError(f"cannot write in {self.path}: {reason(error)}") from error
        try:
            sweep(self.path, ())
            yield
        finally:
            lock.release()

    def done(self, job: Job) -> bool:
        """Whether the job's output is whole."""
        out = self.path / job.out
        if job.kind in RUNS:
            return all(exists(out / name) for name in RUNS[job.kind].outcome)
        if job.kind == "sample":
            count = len(self.plan.seeds(self.plan.arm(job.arm)))
            return all(exists(out / f"{number}.darts") for number in range(count))
        return exists(out)

    def words(self, job: Job) -> tuple[str, ...]:
        """What follows `dartsl`, to begin a job or to go on with what was begun of it."""
        if job.kind in RUNS and exists(self.path / job.out / RUN):
            return (job.command[0], "--resume", job.out)
        return job.command

    def clear(self, job: Job) -> None:
        """Remove what is left of a job that begins anew. Raises UserError."""
        out = self.path / job.out
        if job.kind == "sample" and exists(out):
            try:
                shutil.rmtree(out)
            except OSError as error:
                raise UserError(f"cannot remove {out}: {reason(error)}") from error

    def epochs(self, job: Job) -> int:
        """How many epochs of a run are over, by the lines of its history."""
        try:
            return read_file(self.path / job.out / "history.jsonl").count(b"\n")
        except UserError:
            return 0

    def log(self, job: Job) -> Path:
        """The file of what a job has printed."""
        return self._own("logs", job, ".log")

    def fault(self, job: Job) -> str:
        """The last error that a job has printed, as a line; nothing where it has printed none."""
        try:
            printed = read_file(self.log(job))[-LONGEST:].decode(errors="replace")
        except UserError:
            return ""
        errors = [line for line in printed.splitlines() if line.lower().startswith("error")]
        return errors[-1] if errors else ""

    def lock(self, job: Job) -> Path:
        """The file that a job's process holds as long as it lives."""
        return self._own("jobs", job, ".lock")

    def note(self, job: Job, exit: int, seconds: float) -> None:
        """Record how a try has ended. Raises UserError."""
        before = self.tried(job)
        total = seconds + (0 if before is None else before.seconds)
        write_json(self._own("jobs", job, ".json"), {"exit": exit, "seconds": round(total, 3)})

    def tried(self, job: Job) -> Try | None:
        """How the last try has ended; None where none has, or nothing is known of it."""
        path = self.path / "jobs" / f"{job.name}.json"
        if not exists(path):
            return None
        try:
            found = parse_json(read_file(path))
            _TRY(found, "")
        except (ValueError, MisfitError):  # only seconds are lost
            return None
        return Try(found["exit"], float(found["seconds"]))

    def _own(self, folder: str, job: Job, suffix: str) -> Path:
        return with_folder(self.path / folder / f"{job.name}{suffix}")


def with_folder(path: Path) -> Path:
    """The path, whose folder is made where it is not there. Raises UserError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {path.parent}: {reason(error)}") from error
    return path


def _taken(path: Path) -> UserError:
    if exists(path / SWEEP):
        resume = command_line("dartsl", "sweep", "--resume", path)
        return UserError(f"{path} exists", f"go on with it: {resume}; or name another folder by --out")
    return UserError(f"{path} exists and is not empty", "name another folder by --out")
