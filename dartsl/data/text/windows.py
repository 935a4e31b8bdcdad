"""The windows of a training text: where each one starts, and how long it is.

Drawn on the CPU, whatever the device, so that a seed means the same everywhere; saved and continued exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

SPREAD = 5.0  # standard deviation of the length of a varied window
LEAST = 5  # its least length
OVER = 20  # how far beyond the mean it may go


class Window(NamedTuple):
    """`length` is as drawn; the last window of a text may be shorter than that."""

    start: int
    length: int


class Windows:
    """Epochs over `rows` rows of text, in windows one after the other.

    A window is `bptt` rows long, or with the probability `short` half of that, rounded down (35 or 17 in the
    search of DARTS). `varied` ones, as in its training, are normally distributed around that, 17.5 where it is
    halved: min(max(5, int(N(mean, 5))), bptt + 20) rows long, and no longer than `most`. Windows start wherever at
    least two rows are left, as the authors' do. Iterating gives those left in the current epoch; `advance` begins
    the next one.
    """

    def __init__(
        self, rows: int, bptt: int, short: float, seed: int, *, varied: bool = False, most: int | None = None
    ) -> None:
        """`rows` is at least 3."""
        self._rows = rows
        self._bptt = bptt
        self._short = short
        self._varied = varied
        self._most = bptt + OVER if most is None else most
        self._generator = torch.Generator().manual_seed(seed)
        self.advance()

    def advance(self) -> None:
        """Draw the next epoch's windows, and go to its start."""
        self._at_epoch_start = self._generator.get_state()
        self._windows: list[Window] = []
        start = 0
        while start < self._rows - 2:
            length = self._length()
            self._windows.append(Window(start, length))
            start += length
        self._step = 0

    def _length(self) -> int:
        halved = torch.rand((), generator=self._generator, dtype=torch.float64).item() < self._short
        if not self._varied:
            return max(1, self._bptt // 2) if halved else self._bptt
        normal = torch.randn((), generator=self._generator, dtype=torch.float64).item()
        mean = self._bptt / 2 if halved else self._bptt
        return min(max(LEAST, int(mean + SPREAD * normal)), self._bptt + OVER, self._most)

    def __len__(self) -> int:
        """Steps of the current epoch."""
        return len(self._windows)

    @property
    def step(self) -> int:
        """Windows of the current epoch that have been given, the one in hand included."""
        return self._step

    def __iter__(self) -> Iterator[Window]:
        while self._step < len(self):
            self._step += 1
            yield self._windows[self._step - 1]

    def state_dict(self) -> dict[str, Any]:
        """The place in the current epoch; the window in hand counts as done."""
        return {"generator": self._at_epoch_start, "step": self._step}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after the place that `state_dict` gave, for the same text and settings."""
        self._generator.set_state(state["generator"])
        self.advance()
        self._step = int(state["step"])


def cut(rows: Tensor, start: int, length: int) -> tuple[Tensor, Tensor]:
    """The tokens of a window and those that follow them, (T, B) each: T is `length`, less at the text's end."""
    end = min(start + length, len(rows) - 1)
    return rows[start:end], rows[start + 1 : end + 1]
