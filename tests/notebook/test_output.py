"""What a cell shows of a run, and of specs, cells and runs; without IPython."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

import dartsl
from dartsl.run import in_notebook
from dartsl.run.curves import Line, Panel
from dartsl.run.progress import RunProgress
from dartsl.sweeping.plan import Job
from dartsl.sweeping.progress import SweepProgress


class Handle:
    """A display that remembers what it showed."""

    def __init__(self, markup: str, text: str) -> None:
        self.shown = [(markup, text)]

    def update(self, data: dict[str, str], raw: bool) -> None:
        assert raw
        self.shown.append((data["text/html"], data["text/plain"]))


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Handle]:
    """The displays of a cell, in the order in which they came."""
    handles: list[Handle] = []

    def display(markup: str, text: str) -> Handle:
        handles.append(Handle(markup, text))
        return handles[-1]

    monkeypatch.setattr(in_notebook, "_display", display)
    monkeypatch.setattr(in_notebook, "BETWEEN", 0)
    return handles


def panels(epochs: int) -> list[Panel]:
    return [Panel("loss", (Line("training", tuple((e, 1 / e) for e in range(1, epochs + 1))),))]


def test_a_run_shows_bar_figures_and_curves(shown: list[Handle]) -> None:
    done = 0
    with RunProgress(Console(force_jupyter=True), 3, 2, panels=lambda: panels(done)) as progress:
        for epoch in (1, 2, 3):
            progress.step(epoch, 1, {"loss": 0.5})
            done = epoch
            progress.epoch(epoch, {"loss": 0.25})
            assert len(shown) == (1 if epoch == 1 else 2)  # one point is no curve
    bar, curves = shown
    assert bar.shown[0][1] == ""
    markup, text = bar.shown[1]
    assert '<progress value="0.5000" max="3"' in markup
    assert text.startswith("epoch 1/3  step 1/2  left 0:0")
    assert text.endswith("loss 0.500")
    assert bar.shown[-1][1] == "epoch 3/3  loss 0.250"
    assert "<svg" in curves.shown[-1][0]
    assert ">training 0.333<" in curves.shown[-1][0]


def test_a_history_that_cannot_be_read_stops_no_run(shown: list[Handle]) -> None:
    def damaged() -> list[Panel]:
        raise ValueError

    with RunProgress(Console(force_jupyter=True), 1, 1, panels=damaged) as progress:
        progress.epoch(1, {"loss": 1.0})
    assert len(shown) == 1


def test_a_quiet_run_shows_nothing(shown: list[Handle]) -> None:
    with RunProgress(Console(force_jupyter=True, quiet=True), 1, 1) as progress:
        progress.step(1, 1, {})
        progress.epoch(1, {})
    assert shown == []


def test_a_sweep_shows_a_bar_over_its_jobs(shown: list[Handle], monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(SweepProgress, "say", lambda self, line: lines.append(line))
    jobs = [
        Job(name, "train", "a", 0, "", (), name, cost=cost)
        for name, cost in (("first", 3.0), ("second", 1.0))
    ]
    with SweepProgress(Console(force_jupyter=True), jobs, ()) as progress:
        progress.running({"first": 0.5})
        progress.done("first")
        progress.line("first", "done", 61)
    (bar,) = shown
    assert '<progress value="1.5000" max="4"' in bar.shown[1][0]
    assert bar.shown[1][1].endswith("first 50 %")
    assert '<progress value="3.0000" max="4"' in bar.shown[-1][0]
    assert bar.shown[-1][1].startswith("1/2  left ")
    assert lines[0].startswith("1/2  first  done, 1:01")


def test_specs_and_cells_are_pictures() -> None:
    spec = dartsl.check("zoo/darts_v2")
    for what in (spec, spec.cells["normal"]):
        picture = what._repr_svg_()
        assert picture is not None
        assert picture.startswith("<svg")
        assert "sep_conv_3x3" in picture
    assert repr(spec) == "<Spec zoo/darts_v2.darts: cell normal, cell reduction, network cifar10>"


def test_what_cannot_be_drawn_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = dartsl.check("std/cnn")
    assert spec._repr_svg_() is None
    assert repr(spec) == "<Spec std/cnn.darts: no cell and no network>"
    monkeypatch.setattr("dartsl.graph.render.programs", lambda: iter(()))
    cell = replace(dartsl.check("digits").cells["normal"], name="other")
    assert cell._repr_svg_() is None
