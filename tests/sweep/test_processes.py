"""Jobs as processes of this machine: they share its GPUs, and end when what started them does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dartsl.sweeping import processes
from dartsl.sweeping.executor import Ended, Task
from dartsl.sweeping.processes import Processes

WAIT = 60.0


def stand_in(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes run some Python in place of dartsl."""
    monkeypatch.setattr(
        processes, "words", lambda lock, command: [sys.executable, "-S", "-c", code, *command]
    )


def task(folder: Path, name: str, *words: str) -> Task:
    return Task(name, words, folder, folder / f"{name}.log", folder / f"{name}.lock", {"MINE": name})


def all_of(executor: Processes, count: int) -> list[Ended]:
    found: list[Ended] = []
    while len(found) < count:
        over = executor.wait(WAIT)
        assert over
        found += over
    return found


def test_a_task_prints_into_its_log_and_gives_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(
        "import os, sys; print(os.environ['MINE'], os.getcwd()); sys.exit(int(sys.argv[1]))", monkeypatch
    )
    with Processes(2) as executor:
        executor.start(task(tmp_path, "one", "0"))
        assert executor.free == 1
        executor.start(task(tmp_path, "two", "5"))
        assert executor.free == 0
        ended = {each.name: each.exit for each in all_of(executor, 2)}
        assert executor.free == 2
    assert ended == {"one": 0, "two": 5}
    assert (tmp_path / "one.log").read_text() == f"one {tmp_path}\n"


def test_each_slot_has_a_gpu_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in("import os; print(os.environ['CUDA_VISIBLE_DEVICES'])", monkeypatch)
    with Processes(3, ["4", "7"]) as executor:
        for name in ("a", "b", "c"):
            executor.start(task(tmp_path, name))
        all_of(executor, 3)
    assert [(tmp_path / f"{name}.log").read_text() for name in ("a", "b", "c")] == ["4\n", "7\n", "4\n"]


def test_what_still_runs_is_stopped_or_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in("import sys; sys.stdin.read()", monkeypatch)
    with Processes(2) as executor:
        executor.start(task(tmp_path, "stopped"))
        executor.stop()
        assert [(each.name, each.exit) for each in all_of(executor, 1)] == [("stopped", -15)]
        executor.start(task(tmp_path, "killed"))
    assert executor.wait(0) == []


def test_a_process_ends_once_its_standard_input_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a sweep closes it, whatever ends the sweep. Before dartsl is loaded, SIGTERM ends the process."""
    code = (
        "import os, sys; sys.path[:0] = sys.argv[1:]; from dartsl.sweeping import attached;"
        "import threading; threading.Thread(target=attached._end_with_the_sweep).start(); print('ready', flush=True)"
    )
    stand_in(code, monkeypatch)
    process = processes.started(task(tmp_path, "one", *sys.path), {})
    assert process.stdin is not None
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(WAIT) == -15
