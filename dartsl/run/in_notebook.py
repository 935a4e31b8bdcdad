"""A run or a sweep in a notebook: a bar, and of a run its figures and learning curves, in a cell's output, which change
while it works.

IPython is imported only where rich has found a notebook, which has it.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from dartsl.run.curves import Panel

BETWEEN = 0.25  # seconds from one change of the bar to the next
SHARE = 0.1  # of a run's time, at most, in which curves are drawn
PANELS = 3  # the first of a run's curves: loss, accuracy or perplexity, and what a search watches
FIGURES = "margin: 0; white-space: pre-wrap"
BAR = '<progress value="{done:.4f}" max="{whole:g}" style="width: 20em; max-width: 100%"></progress>'


class CellOutput:
    """The output of one run, through `whole` epochs, or of a sweep. `panels` gives a run's curves as they are now."""

    def __init__(self, whole: float, panels: Callable[[], Sequence[Panel]] = tuple) -> None:
        self._whole = whole
        self._panels = panels
        self._bar: Any = None
        self._curves: Any = None
        self._shown = self._drawn = float("-inf")  # when
        self._drawing = 0.0  # seconds that it took last
        self._now = (0.0, "", "")

    def start(self) -> None:
        """Put an empty bar below the cell."""
        self._bar = _display(*self._texts())

    def show(self, done: float, place: str, figures: str) -> None:
        """The bar at `done` of the whole, with the words of where that is, and a line of figures below it."""
        self._now = (done, place, figures)
        if time.monotonic() - self._shown >= BETWEEN:
            self._update()

    def epoch(self) -> None:
        """An epoch is done: draw the curves anew, unless they were drawn a moment ago."""
        if time.monotonic() - self._drawn >= self._drawing / SHARE:
            self._draw()

    def stop(self) -> None:
        """The run has ended: show all as it is now."""
        self._update()
        self._draw()

    def _update(self) -> None:
        self._shown = time.monotonic()
        if self._bar is not None:
            _change(self._bar, *self._texts())

    def _texts(self) -> tuple[str, str]:
        done, place, figures = self._now
        bar = BAR.format(done=done, whole=self._whole)
        words = f'{bar} {html.escape(place)}<pre style="{FIGURES}">{html.escape(figures)}</pre>'
        return f"<div>{words}</div>", f"{place}  {figures}".strip()

    def _draw(self) -> None:
        from dartsl.run.plot import picture

        started = time.monotonic()
        try:
            panels = [panel for panel in self._panels() if any(len(line.points) > 1 for line in panel.lines)]
        except (ValueError, OSError):  # of rows that the run has not written; no reason to stop it
            return
        if not panels:
            return
        drawn = picture("learning curves", panels[:PANELS]).decode()
        scaled = re.sub(
            r'(<svg\b[^>]*?) width="[^"]*" height="[^"]*"', r"\1", drawn[drawn.index("<svg") :], count=1
        )
        shown = (f'<div style="max-width: 56em">{scaled}</div>', "learning curves")
        if self._curves is None:
            self._curves = _display(*shown)
        else:
            _change(self._curves, *shown)
        self._drawn = time.monotonic()
        self._drawing = self._drawn - started


def _display(markup: str, text: str) -> Any:
    from IPython.display import display

    return display({"text/html": markup, "text/plain": text}, raw=True, display_id=True)


def _change(handle: Any, markup: str, text: str) -> None:
    handle.update({"text/html": markup, "text/plain": text}, raw=True)
