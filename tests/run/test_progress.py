"""What a run shows, on a terminal and into a file."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from dartsl.run.progress import RunProgress, duration, shown

FIGURES = {"loss": 1.25, "val loss": None, "lr": 0.001}


def test_without_a_terminal_there_is_a_plain_line_an_epoch() -> None:
    file = io.StringIO()
    with RunProgress(Console(file=file), epochs=2, steps=1) as progress:
        progress.step(1, 1, FIGURES)
        progress.epoch(1, FIGURES)
        progress.step(2, 1, FIGURES)
        progress.epoch(2, FIGURES)
    first, second = file.getvalue().splitlines()
    assert first.startswith("epoch 1/2  loss 1.250  lr 0.001  left 0:0")
    assert second == "epoch 2/2  loss 1.250  lr 0.001"


def test_a_terminal_shows_epoch_step_figures_and_time_left() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=160, _environ={"TERM": "xterm"})
    with RunProgress(console, epochs=2, steps=3, done=1) as progress:
        progress.step(1, 2, FIGURES)
        progress.epoch(1, FIGURES)
        progress.interrupted()
    text = file.getvalue()
    for words in ("epoch 1/2", "step 2/3", "loss 1.250", "left 0:0", "Ctrl-C again"):
        assert words in text


def test_time_left_is_that_of_the_whole_run(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with RunProgress(Console(file=io.StringIO()), epochs=10, steps=10, done=50) as progress:
        assert progress.left() == "-:--"
        now = 110.0
        for step in range(1, 6):
            progress.step(6, step, {})
        assert progress.left() == "1:30"


def test_figures_and_durations() -> None:
    assert (
        shown({"acc": 0.5, "lr": 1e-5, "none": None, "big": 12345.0}) == "acc 0.500  lr 1e-05  big 1.23e+04"
    )
    assert [duration(s) for s in (0, 42.4, 725, 11400)] == ["0:00", "0:42", "12:05", "3:10:00"]
