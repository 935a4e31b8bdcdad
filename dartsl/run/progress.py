"""What a run shows while it works: a live bar on a terminal, bar and curves in a notebook, else one plain line per
epoch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from dartsl.run.curves import Panel
from dartsl.run.in_notebook import CellOutput

Figures = Mapping[str, float | None]


class RunProgress:
    """Progress through `epochs` epochs of `steps` steps each, of which `done` steps are done.

    Use it as a context manager; call `step` after each step and `epoch` after each epoch, with figures to
    show: a number, or None for one that does not exist yet. `panels` gives the curves of the epochs that are done.
    """

    def __init__(
        self,
        console: Console,
        epochs: int,
        steps: int,
        done: int = 0,
        panels: Callable[[], Sequence[Panel]] = lambda: (),
    ) -> None:
        self._console = console
        self._epochs = epochs
        self._steps = steps
        self._first = self._done = done / steps  # in epochs, whose numbers of steps may differ
        self._started = time.monotonic()
        self._live: _Bar | None = None
        self._cell = CellOutput(epochs, panels) if console.is_jupyter and not console.quiet else None
        if console.is_terminal and not console.is_dumb_terminal and not console.quiet:
            self._live = _Bar(
                TextColumn("epoch {task.fields[epoch]}"),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[place]}"),
                TimeElapsedColumn(),
                _LeftColumn(self),
                console=console,
            )
            epoch, step = divmod(done, steps)
            self._task = self._live.add_task(
                "",
                total=epochs,
                epoch=f"{min(epoch + 1, epochs)}/{epochs}",
                place=f"step {step}/{steps}",
            )
            self._live.update(self._task, completed=self._done)

    def __enter__(self) -> Self:
        self._started = time.monotonic()
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

    def step(
        self, epoch: int, step: int, figures: Figures, steps: int | None = None, phase: str = ""
    ) -> None:
        """Step `step` of epoch `epoch` (both from 1) is done; `steps` where this epoch has another number.

        `phase` is the part of the run that the epoch belongs to, in words.
        """
        self._steps = steps or self._steps
        self._done = epoch - 1 + step / self._steps
        if self._live is not None:
            self._live.figures = _words(phase, figures)
            self._live.update(
                self._task,
                completed=self._done,
                epoch=f"{epoch}/{self._epochs}",
                place=f"step {step}/{self._steps}",
            )
        if self._cell is not None:
            place = f"epoch {epoch}/{self._epochs}  step {step}/{self._steps}  left {self.left()}"
            self._cell.show(self._done, place, _words(phase, figures))

    def epoch(self, epoch: int, figures: Figures, phase: str = "") -> None:
        """Epoch `epoch` (from 1) is done; the line stays on the screen, in a notebook until the next epoch is done."""
        if self._cell is not None:
            self._cell.show(self._done, f"epoch {epoch}/{self._epochs}", _words(phase, figures))
            self._cell.epoch()
            return
        line = f"epoch {epoch:>{len(str(self._epochs))}}/{self._epochs}  {_words(phase, figures)}"
        if self._live is None and epoch < self._epochs:
            line += f"  left {self.left()}"
        self.say(line)

    def say(self, line: str) -> None:
        """Print a line, above the bar where there is one."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def interrupted(self) -> None:
        """Called from within a signal handler: say at once that the run will stop."""
        words = "stopping after this step; Ctrl-C again stops at once"
        if self._live is not None:
            self._live.figures = words
        elif not self._console.quiet:
            os.write(2, f"\n{words}\n".encode("utf-8", "backslashreplace"))

    def left(self) -> str:
        """The time left of the whole run, from the pace since it was started or resumed."""
        made = self._done - self._first
        if made <= 0:  # a search may go back
            return "-:--"
        pace = (time.monotonic() - self._started) / made
        return duration(pace * (self._epochs - self._done))


class _Bar(Progress):
    """A bar with a line of figures below it, since both do not fit into one line of 80 characters."""

    figures = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        yield from super().get_renderables()
        yield Text(self.figures, no_wrap=True, overflow="ellipsis")


class _LeftColumn(ProgressColumn):
    """The time left of the whole run. (rich's own column forgets steps that are older than half a minute.)"""

    def __init__(self, progress: RunProgress) -> None:
        super().__init__()
        self._progress = progress

    def render(self, task: Task) -> Text:
        return Text(f"left {self._progress.left()}", style="progress.remaining")


def shown(figures: Figures) -> str:
    """Figures on one line, as `train loss 1.204`; those that are None are left out."""
    return "  ".join(f"{name} {_number(value)}" for name, value in figures.items() if value is not None)


def _words(phase: str, figures: Figures) -> str:
    return f"{phase}  {shown(figures)}" if phase else shown(figures)


def duration(seconds: float) -> str:
    """As `0:42`, `12:05` or `3:10:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _number(value: float) -> str:
    return f"{value:.3f}" if 0.01 <= abs(value) < 1000 or value == 0 else f"{value:.3g}"
