"""A sweep at work, with an executor that only writes what a job would leave."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dartsl.api.sweeping import plan_sweep
from dartsl.lang.codes.diagnostics import UserError
from dartsl.sweeping.executor import Ended, Task
from dartsl.sweeping.folder import SweepFolder
from dartsl.sweeping.plan import Job
from dartsl.sweeping.progress import SweepProgress
from dartsl.sweeping.runner import Outcome, lines, run, run_one

LOSSES = {"0": 0.5, "1": 0.25, "2": 0.75}  # by the last part of a training's name


class Writers:
    """An executor whose tasks are over as soon as they are waited for; `fails` have exit code 3, and each of `lost` is
    lost so many times."""

    late = 0.0

    def __init__(self, folder: SweepFolder, jobs: int = 2, fails: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.fails = fails
        self.lost: dict[str, int] = {}
        self.jobs = jobs
        self.running: list[Task] = []
        self.begun: list[Task] = []
        self.stopped = False
        self.before: Callable[[], None] = lambda: None

    def __enter__(self) -> Writers:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.running == []

    @property
    def free(self) -> int:
        return self.jobs - len(self.running)

    def start(self, task: Task) -> None:
        assert self.free
        self.running.append(task)
        self.begun.append(task)

    def wait(self, seconds: float) -> list[Ended]:
        self.before()
        if self.stopped:
            over, self.running = self.running, []
            return [Ended(task.name, 130, 0.5) for task in over]
        task = self.running.pop(0)
        if self.lost.get(task.name, 0):
            self.lost[task.name] -= 1
            return [Ended(task.name, -9, 0.0, "its node died")]
        if task.name in self.fails:
            assert task.log is not None
            task.log.write_text("epoch 1/3\nerror: step 3: not finite\n  = help: a lower lr\n")
            return [Ended(task.name, 3, 1.0)]
        write(self.folder, self.folder.plan.job(task.name))
        return [Ended(task.name, 0, 2.0)]

    def stop(self) -> None:
        self.stopped = True


def write(folder: SweepFolder, job: Job) -> None:
    """What a job leaves."""
    out = folder.path / job.out
    out.mkdir(parents=True, exist_ok=True)
    if job.kind == "sample":
        for number in range(len(folder.plan.seeds(folder.plan.arm(job.arm)))):
            (out / f"{number}.darts").write_text(f"architecture {number} of {job.arm}")
    elif job.kind == "search":
        (out / "history.jsonl").write_text(
            json.dumps({"epoch": 1, "validation_loss": LOSSES[out.name]}) + "\n"
        )
        for name in ("found.darts", "found.dot", "found.svg"):
            (out / name).write_text("found")
    else:
        loss = LOSSES.get(out.name, 1.0)
        (out / "result.json").write_text(json.dumps({"validation": {"val_loss": loss}}))


def folder_of(tmp_path: Path, **asked: Any) -> SweepFolder:
    given: dict[str, Any] = {"device": "cpu", "seeds": 2, "random_at_cost": 3, **asked}
    return SweepFolder.open(plan_sweep("digits", tmp_path / "sweep", **given))


def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def said(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_all_jobs_are_done_each_after_those_it_needs(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    executor, screen = Writers(folder), console()
    assert run(folder, executor, screen) == Outcome(finished=True)
    place = {task.name: number for number, task in enumerate(executor.begun)}
    assert len(place) == len(executor.begun) == len([job for job in folder.plan.jobs if job.kind != "pick"])
    for job in folder.plan.jobs:
        assert all(place[need] < place[job.name] for need in job.needs if need in place and job.name in place)
    assert json.loads((folder.path / "picked/darts.json").read_text()) == {
        "score": {"0": 0.5, "1": 0.25},
        "picked": 1,
    }
    assert (folder.path / "picked/random_at_cost.darts").read_text() == "architecture 1 of random_at_cost"
    assert "train/random_at_cost/picked  done" in said(screen)
    again = Writers(folder)
    assert run(folder, again, console()).finished
    assert again.begun == []


def test_a_search_selects_by_its_own_validation_loss(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, select="search", random_at_cost=None)
    assert run(folder, Writers(folder), console()).finished
    assert json.loads((folder.path / "picked/darts.json").read_text())["picked"] == 1
    assert not (folder.path / "picked/random.json").exists()


def test_a_failed_job_stops_those_alone_that_need_it(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    screen = console()
    outcome = run(folder, Writers(folder, fails=("search/darts/1",)), screen)
    assert outcome.failed == ("search/darts/1",)
    assert outcome.waiting == ("select/darts/1", "pick/darts", "train/darts/1")
    assert not outcome.finished
    assert "search/darts/1  failed with exit code 3 (logs/search/darts/1.log)" in said(screen)
    assert "\nerror: step 3: not finite\n" in said(screen)
    tried = folder.tried(folder.plan.job("search/darts/1"))
    assert tried is not None
    assert (tried.exit, tried.seconds) == (3, 1.0)
    assert run(folder, Writers(folder), console()).finished
    tried = folder.tried(folder.plan.job("search/darts/1"))
    assert tried is not None
    assert (tried.exit, tried.seconds) == (0, 3.0)


def test_a_job_that_is_lost_is_started_again_three_times(tmp_path: Path) -> None:
    folder, screen = folder_of(tmp_path), console()
    executor = Writers(folder)
    executor.lost = {"search/darts/0": 3, "search/darts/1": 4}
    outcome = run(folder, executor, screen)
    assert outcome.failed == ("search/darts/1",)
    assert [task.name for task in executor.begun].count("search/darts/0") == 4
    assert "search/darts/0 is started again: its node died" in said(screen)
    assert "search/darts/1  was lost 4 times (logs/search/darts/1.log)" in said(screen)


def test_what_was_begun_goes_on_by_its_own_folder(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder.path / "search/darts/0").mkdir(parents=True)
    (folder.path / "search/darts/0/run.json").write_text("{}")
    executor = Writers(folder)
    run(folder, executor, console(), [Path("/plugins/half.py")])
    words = {task.name: task.words for task in executor.begun}
    plugin = ("--plugin", "/plugins/half.py")
    assert words["search/darts/0"] == ("search", "--resume", "search/darts/0", *plugin)
    assert words["search/darts/1"] == (*folder.plan.job("search/darts/1").command, *plugin)
    assert words["sample/random"] == folder.plan.job("sample/random").command
    assert executor.begun[0].env["OMP_NUM_THREADS"] == str(folder.plan.protocol.threads)


def test_ctrl_c_lets_the_jobs_end_and_starts_no_other(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    executor = Writers(folder)

    def interrupt() -> None:
        if len(executor.begun) == 4 and not executor.stopped:
            os.kill(os.getpid(), signal.SIGINT)

    executor.before = interrupt
    outcome = run(folder, executor, console())
    assert (outcome.interrupted, outcome.finished, outcome.failed) == (True, False, ())
    assert len(executor.begun) == 4
    assert run(folder, Writers(folder), console()).finished


def test_half_of_what_was_sampled_is_sampled_again(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    job = folder.plan.job("sample/random")
    write(folder, job)
    assert folder.done(job)
    (folder.path / "random/1.darts").unlink()
    assert not folder.done(job)
    folder.clear(job)
    assert not (folder.path / "random").exists()


@pytest.mark.parametrize("kind", ["search", "train"])
def test_a_run_is_done_when_all_that_it_writes_at_its_end_is_there(tmp_path: Path, kind: str) -> None:
    folder = folder_of(tmp_path)
    job = folder.plan.job(f"{kind}/darts/0")
    write(folder, job)
    assert folder.done(job)
    (folder.path / job.out / ("found.svg" if kind == "search" else "result.json")).unlink()
    assert not folder.done(job)


def test_two_processes_do_not_work_on_one_sweep(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    with folder.held(), pytest.raises(UserError, match="another process works on the sweep"), folder.held():
        pass


def test_selection_needs_a_validation_loss(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    for job in folder.plan.jobs:
        if job.kind in ("search", "select"):
            write(folder, job)
    (folder.path / "select/darts/1/result.json").write_text('{"validation": null}')
    with pytest.raises(UserError, match="has no validation loss"):
        run_one(folder, folder.plan.job("pick/darts"), lambda: Writers(folder))
    (folder.path / "select/darts/1/result.json").write_text('{"validation": {"val_loss": NaN}}')
    assert run_one(folder, folder.plan.job("pick/darts"), lambda: Writers(folder)) == 0
    picked = json.loads((folder.path / "picked/darts.json").read_text())
    assert picked == {"score": {"0": 0.5, "1": None}, "picked": 0}


def test_one_job_alone(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    with pytest.raises(UserError, match=r"select/darts/0 needs search/darts/0, which is not done"):
        run_one(folder, folder.plan.job("select/darts/0"), lambda: Writers(folder))
    search = folder.plan.job("search/darts/0")
    executor = Writers(folder)
    assert run_one(folder, search, lambda: executor) == 0
    assert executor.begun[0].log is None
    assert run_one(folder, search, lambda: Writers(folder, jobs=0)) == 0  # it is done: nothing is started


def test_a_line_for_each_job_that_is_not_done(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    write(folder, folder.plan.job("search/darts/0"))
    found = lines(folder, [Path("/plugins/a b.py")])
    assert len(found) == len(folder.plan.jobs) - 1
    assert found[0] == (
        "dartsl sweep --resume . --job sample/random --plugin '/plugins/a b.py'"
        "  # dartsl sample spec.darts --seed 0 --count 2 --out random"
    )


def test_the_time_left_counts_what_this_session_has_done(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("dartsl.sweeping.progress.time.monotonic", lambda: now[0])
    jobs = [Job(name, "train", "a", 0, "", (), name, cost=10.0) for name in "abcd"]
    with SweepProgress(console(), jobs, {"a"}) as progress:
        assert progress.left() == "-:--"
        progress.running({"b": 0.5})  # was done before
        assert progress.left() == "-:--"
        now[0] = 110.0
        progress.done("b")  # 5 in 10 seconds; 20 are left
        assert progress.left() == "0:40"


def test_a_terminal_has_one_bar_over_all_jobs() -> None:
    screen = Console(
        file=io.StringIO(), width=80, force_terminal=True, color_system=None, legacy_windows=False
    )
    jobs = [Job(name, "train", "a", 0, "", (), name, cost=10.0) for name in ("train/a/0", "train/a/1")]
    with SweepProgress(screen, jobs, ()) as progress:
        progress.running({"train/a/0": 0.5, "train/a/1": 0.0})
        progress.done("train/a/0")
        progress.line("train/a/0", "done", 61.0)
    shown = said(screen)
    assert shown.endswith("train/a/1 0 %\n\x1b[?25h")
    assert "1/2  train/a/0  done, 1:01" in shown
    assert "50%" in shown
