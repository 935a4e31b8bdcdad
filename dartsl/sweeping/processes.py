"""Jobs as processes of this machine, which share its cores and its GPUs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.paths import reason
from dartsl.sweeping.attached import words
from dartsl.sweeping.executor import Ended, Task

PAUSE = 0.05  # seconds between two looks at the processes


@dataclass(frozen=True)
class _Running:
    task: Task
    process: subprocess.Popen[bytes]
    slot: int
    began: float


class Processes:
    """An `Executor` of `jobs` processes side by side, each on one of the GPUs, whose names are those of
    CUDA_VISIBLE_DEVICES; no names: the processes see what the sweep sees."""

    late = 0.0

    def __init__(self, jobs: int, gpus: Sequence[str] = ()) -> None:
        self._slots = list(range(jobs))
        self._gpus = gpus
        self._running: list[_Running] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._running:
            each.process.kill()
        for each in self._running:
            _closed(each.process)
        self._running = []

    @property
    def free(self) -> int:
        """How many tasks may be started now."""
        return len(self._slots)

    def start(self, task: Task) -> None:
        """Start a task. Raises UserError where the system refuses."""
        slot = self._slots.pop(0)
        env = {**os.environ, **task.env}
        if self._gpus:
            env["CUDA_VISIBLE_DEVICES"] = self._gpus[slot % len(self._gpus)]
        try:
            process = started(task, env)
        except OSError as error:
            raise UserError(f"cannot start {task.name}: {reason(error)}") from error
        self._running.append(_Running(task, process, slot, time.monotonic()))

    def wait(self, seconds: float) -> list[Ended]:
        """The tasks that are over; waits for one, at most so many seconds."""
        until = time.monotonic() + seconds
        while True:
            over = [each for each in self._running if each.process.poll() is not None]
            if over or time.monotonic() >= until:
                break
            time.sleep(PAUSE)
        self._running = [each for each in self._running if each not in over]
        self._slots = sorted([*self._slots, *(each.slot for each in over)])
        now = time.monotonic()
        return [Ended(each.task.name, _closed(each.process), now - each.began) for each in over]

    def stop(self) -> None:
        """Let those that run save and end, as SIGTERM does."""
        for each in self._running:
            each.process.terminate()


def _closed(process: subprocess.Popen[bytes]) -> int:
    """The exit code of a process that is over, and was the last to be told something."""
    assert process.stdin is not None
    process.stdin.close()
    return process.wait()


def started(task: Task, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """The process of a task. It ends when this one does, or when its standard input is closed."""
    with ExitStack() as stack:
        log = None if task.log is None else stack.enter_context(open(task.log, "ab"))
        return subprocess.Popen(
            words(str(task.lock), task.words),
            cwd=task.folder,
            env=env,
            stdin=subprocess.PIPE,  # never written to: see `dartsl.sweeping.attached`
            stdout=log,
            stderr=None if log is None else subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the sweep, which passes it on
        )
