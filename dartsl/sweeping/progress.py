"""What a sweep shows at work: a line for each job that ends, and on a terminal or in a notebook a bar over all."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from dartsl.run.in_notebook import CellOutput
from dartsl.run.progress import duration
from dartsl.sweeping.plan import Job


class SweepProgress:
    """Progress through jobs, measured by their cost; `done` are over already. Use it as a context manager."""

    def __init__(self, console: Console, jobs: Sequence[Job], done: Collection[str]) -> None:
        self._console = console
        self._costs = {job.name: job.cost for job in jobs}
        self._whole = sum(self._costs.values())
        self._over = dict.fromkeys(done, 1.0)  # the part of each job that is over
        self._running: Mapping[str, float] = {}
        self._first = self._sum()
        self._began = time.monotonic()
        self._cell = CellOutput(self._whole) if console.is_jupyter and not console.quiet else None
        self._live: _Bar | None = None
        if self._cell is None and console.is_terminal and not console.is_dumb_terminal and not console.quiet:
            self._live = _Bar(
                TextColumn("{task.fields[jobs]}"),
                BarColumn(bar_width=24),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                TextColumn("left {task.fields[left]}"),
                console=console,
            )
            self._task = self._live.add_task("", total=self._whole, jobs="", left="-:--")

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        if self._live is not None:
            self._live.start()
        if self._cell is not None:
            self._cell.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        if self._cell is not None:
            self._cell.stop()

    def running(self, parts: Mapping[str, float]) -> None:
        """What runs now, and the part of each that is over, from 0 to 1."""
        for name in (
            parts.keys() - self._running.keys()
        ):  # what was done of it before is not of this session's pace
            self._first += self._costs[name] * parts[name]
        self._running = parts
        self._show()

    def done(self, name: str) -> None:
        """A job is done."""
        self._over[name] = 1.0
        self._show()

    def line(self, name: str, word: str, seconds: float) -> None:
        """How a job has ended; the line stays on the screen."""
        self._running = {other: part for other, part in self._running.items() if other != name}
        self._show()
        width = len(str(len(self._costs)))
        count = f"{self.count:>{width}}/{len(self._costs)}"
        self.say(f"{count}  {name}  {word}, {duration(seconds)}; left {self.left()}")

    def say(self, line: str) -> None:
        """Print a line, above the bar where there is one."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    @property
    def count(self) -> int:
        """How many jobs are done."""
        return len(self._over)

    def left(self) -> str:
        """The time left, from the pace since the sweep was started or resumed."""
        made = self._sum() - self._first
        if made <= 0:
            return "-:--"
        return duration((time.monotonic() - self._began) / made * (self._whole - self._sum()))

    def _show(self) -> None:
        """Bring the bar to where the sweep is."""
        names = ", ".join(f"{name} {100 * part:.0f} %" for name, part in self._running.items())
        jobs = f"{self.count}/{len(self._costs)}"
        if self._cell is not None:
            self._cell.show(self._sum(), f"{jobs}  left {self.left()}", names)
        if self._live is not None:
            self._live.names = names
            self._live.update(self._task, completed=self._sum(), jobs=jobs, left=self.left())

    def _sum(self) -> float:
        parts = {**self._running, **self._over}
        return sum(self._costs[name] * part for name, part in parts.items())


class _Bar(Progress):
    """A bar with a line of what runs below it."""

    names = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        yield from super().get_renderables()
        yield Text(self.names, no_wrap=True, overflow="ellipsis")
