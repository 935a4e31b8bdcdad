"""What runs the jobs of a sweep: on this machine or on others. Another place is a class more of this form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Task:
    """A job as it is to be run now.

    name    of the job
    words   what follows `dartsl`
    folder  where it runs: the sweep's, by its absolute path
    log     the file to which it adds what it prints; None: it prints where the sweep does
    lock    the file that it holds as long as it lives: a process of it that still lives is waited for
    env     variables of the environment, over those of the sweep
    """

    name: str
    words: Sequence[str]
    folder: Path
    log: Path | None
    lock: Path
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """A task that is over.

    exit     the exit code of its process; of one that was killed minus the signal's number
    seconds  how long it took
    lost     why nothing is known of its end, such as that its machine died: it is to be started again; else empty
    """

    name: str
    exit: int
    seconds: float
    lost: str = ""


class Executor(Protocol):
    """Runs tasks side by side. Used by one thread, as a context manager: none of its tasks outlives it.

    late  after how many seconds at most the files that a task has left are seen here
    """

    late: float

    def __enter__(self) -> Executor:
        """Make ready."""

    def __exit__(self, *_: object) -> None:
        """End at once whatever still runs."""

    @property
    def free(self) -> int:
        """How many tasks may be started now."""

    def start(self, task: Task) -> None:
        """Start a task, where one is free. Raises UserError where it cannot."""

    def wait(self, seconds: float) -> list[Ended]:
        """The tasks that are over and were not given before; waits until there is one, at most so many seconds."""

    def stop(self) -> None:
        """Let those that run save what they have and end soon, as Ctrl-C does; `wait` gives them."""
