"""Steps that fail, processes that die, Ctrl-C: nothing is lost, and the run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch

import dartsl
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.loader import read
from dartsl.searching import loop
from tests.search.runs import STEPS, checkpoint_of, quiet, rows, run, same, same_runs

pytestmark = pytest.mark.usefixtures("undrawn")


class Died(BaseException):
    """Nothing catches it, like a process's death."""


def test_a_crash_at_any_write_costs_nothing(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run dies at its k-th write, and is started again until it is recorded; from then on it goes on."""
    run(tiny, "whole")
    sync, writes, last = os.fsync, 0, 0

    def die(file: int) -> None:
        nonlocal writes
        sync(file)
        writes += 1
        if writes == last:
            raise Died

    monkeypatch.setattr(os, "fsync", die)
    path = tiny.parent / "parts"
    while not (path / "run.json").exists():
        writes, last = 0, last + 1
        with suppress(Died):
            run(tiny, "parts")
    assert last == 6  # spec, import, history, alphas, run.json, and the checkpoint, whose write was not over
    assert not (path / "checkpoint.pt").exists()
    finished, last = False, 0
    while not finished:
        writes, last = 0, last + 1
        with suppress(Died):
            finished = loop.resume(path, console=quiet()).finished
    assert last > 5
    same_runs(tiny.parent / "whole", path)


KILLED = """
import os, signal, sys
from pathlib import Path
from dartsl.lang.checker import check
from dartsl.lang.syntax.loader import read
from dartsl.lang.settings.values import SearchConfig
from dartsl.run.job import Job
from dartsl.searching.loop import search
folder, last = Path(sys.argv[1]), int(sys.argv[2])
sync = os.fsync
def die(file):
    global last
    sync(file)
    last -= 1
    if last == 0:
        os.kill(os.getpid(), signal.SIGKILL)
os.fsync = die
config = SearchConfig(epochs=2, batch=5, warmup=1, alphas_lr=0.1, crop=1, data=str(folder / "images.npz"))
search(Job(check(read(str(folder / "tiny.darts"))), out=folder / "run", command="typed"), config)
"""


@pytest.mark.parametrize("write", [3, 6])
def test_a_process_that_is_killed_before_its_first_checkpoint_costs_nothing(tiny: Path, write: int) -> None:
    """At the history it is started again, by --out; at the checkpoint it goes on, by --resume."""
    path = tiny.parent / "run"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tiny.parent), str(write)], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (path / "checkpoint.pt").exists()
    left = [file.name for file in path.iterdir() if file.name.endswith(".tmp")]
    assert len(left) == 1
    if write == 6:
        assert loop.resume(path, console=quiet()).finished
    else:
        with pytest.raises(UserError, match="is not a run folder"):
            loop.resume(path, console=quiet())
        assert run(tiny, "run").finished
    assert not [file.name for file in path.iterdir() if file.name.endswith(".tmp")]
    run(tiny, "whole")
    same_runs(tiny.parent / "whole", path)


def test_an_unrolled_step_that_is_not_finite_leaves_all_as_it_was(tiny: Path) -> None:
    with pytest.raises(UserError, match=r"step 1 of epoch 1: the .* is not finite.* of layer"):
        run(tiny, "run", order="2", warmup=0, lr=1e25, lr_min=1e25)
    state = checkpoint_of(tiny.parent / "run")["state"]
    assert (state["step"], state["batches"]["step"]) == (0, 0)
    same(state["model"], dict(dartsl.compile(check(read(str(tiny)))).state_dict()))


def test_what_is_not_finite_stops_the_run_and_nothing_is_lost(
    tiny: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"warmup": 0, "lr": 1e25, "lr_min": 1e25}
    with pytest.raises(UserError, match=r"step 2 of epoch 1: the .* is not finite") as caught:
        run(tiny, "run", **changes)
    assert "largest gradient" in caught.value.message
    assert "lower lr" in str(caught.value.help)
    stop_after(1)  # the same run, stopped before the step that fails
    run(tiny, "stopped", **changes)
    monkeypatch.undo()
    one, other = checkpoint_of(tiny.parent / "run"), checkpoint_of(tiny.parent / "stopped")
    same(one, other)
    monkeypatch.setattr("dartsl.lang.settings.values.MOST", 1e30)  # the run's lr is not one a user can give
    with pytest.raises(UserError, match="step 2 of epoch 1"):
        loop.resume(tiny.parent / "run", console=quiet())


def test_too_little_memory_is_a_message(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("dartsl.searching.step.weight_step", fail)
    with pytest.raises(UserError, match="too little memory"):
        run(tiny, "run")
    assert checkpoint_of(tiny.parent / "run")["state"]["step"] == 0


def test_too_little_memory_for_the_first_snapshot_is_a_message(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what a step may change a copy is kept, the first one before any step."""

    def fail(_snapshot: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("dartsl.step.snapshot.Snapshot.keep", fail)
    with pytest.raises(UserError, match="cpu has too little memory for a step of this size") as caught:
        run(tiny, "run")
    assert "--memory low" in str(caught.value.help)
    assert caught.value.exit_code == 1
    assert not list((tiny.parent / "run").glob("*.tmp"))
    monkeypatch.undo()
    assert loop.resume(tiny.parent / "run", console=quiet()).finished
    run(tiny, "whole")
    same_runs(tiny.parent / "whole", tiny.parent / "run")


def test_too_little_memory_of_the_cpu_is_a_message(tiny: Path) -> None:
    with pytest.raises(UserError, match="too little memory"):
        run(tiny, "run", crop=10**7)
    assert checkpoint_of(tiny.parent / "run")["state"]["step"] == 0


def test_ctrl_c_in_a_real_process_saves_and_the_run_goes_on(tiny: Path) -> None:
    code = """
import sys
from pathlib import Path
from dartsl.lang.checker import check
from dartsl.lang.syntax.loader import read
from dartsl.lang.settings.values import SearchConfig
from dartsl.run.job import Job
from dartsl.searching.loop import search
folder = Path(sys.argv[1])
config = SearchConfig(epochs=100000, batch=5, data=str(folder / "images.npz"))
result = search(Job(check(read(str(folder / "tiny.darts"))), out=folder / "run"), config)
print("finished" if result.finished else "interrupted", flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tiny.parent)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("epoch      1/100000")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=50)
    assert process.returncode == 0
    assert output.splitlines()[-1] == "interrupted"
    assert "everything is saved" in output
    assert f"go on with: dartsl search --resume {tiny.parent / 'run'}\n" in output
    assert "Ctrl-C again" in errors
    path = tiny.parent / "run"
    state = checkpoint_of(path)["state"]
    assert len(rows(path / "history.jsonl")) == state["epoch"] >= 1
    assert state["step"] == state["epoch"] * STEPS + state["batches"]["step"]


def test_ctrl_c_ends_a_command_and_a_python_loop_of_searches(tiny: Path) -> None:
    """As real processes: the command leaves by 130 and says how to go on; a script ends as by any Ctrl-C."""
    script = (
        "import dartsl\n"
        "for seed in range(2):\n"
        "    dartsl.search('tiny.darts', f'script{seed}', epochs=100000, batch=5, data='images.npz', device='cpu')\n"
    )
    options = ["--epochs", "100000", "--data", "images.npz", "--device", "cpu", "--out", "command"]
    calls = {
        "command": [sys.executable, "-m", "dartsl", "search", "tiny.darts", *options],
        "script0": [sys.executable, "-c", script],
    }
    for name, call in calls.items():
        process = subprocess.Popen(
            call, cwd=tiny.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline().startswith("epoch      1/100000")
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)
        assert "everything is saved" in said
        assert f"go on with: dartsl search --resume {name}\n" in said
        assert "\nstopping after this step; Ctrl-C again stops at once\n" in errors
        assert process.returncode == (130 if name == "command" else 1)
        assert ("Traceback" in errors) == (name == "script0")
        assert checkpoint_of(tiny.parent / name)["state"]["epoch"] >= 1
    assert "the run is saved; if it is not finished, `dartsl.resume` goes on with it" in errors
    assert not (tiny.parent / "script1").exists()
