"""The curvature in a search: when it is computed, where it stands, and that a run goes on with it bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dartsl.run.curves import CURVATURE, SKIPS, curves
from dartsl.run.kinds import SEARCH
from dartsl.searching import loop
from dartsl.searching.curvature import Curvature
from tests.search.runs import STEPS, checkpoint_of, job, quiet, rows, run, same_runs, settings

CELLS = {"normal", "reduction"}

pytestmark = pytest.mark.usefixtures("undrawn")


def test_when_it_is_due() -> None:
    """Epochs from 0, as in the authors' code: after the first one, and every `every` from there."""
    assert [Curvature(2, 0.0).due(epoch) for epoch in range(5)] == [True, False, True, False, True]
    assert not any(Curvature(0, 0.0).due(epoch) for epoch in range(5))


def test_it_stands_in_the_history_the_progress_and_the_plot(tiny: Path) -> None:
    console = quiet()
    result = loop.search(job(tiny, "run", console), settings(tiny, epochs=3, curvature=2))
    history = rows(result.path / "history.jsonl")
    assert [("curvature" in row, set(row["skips"])) for row in history] == [
        (True, CELLS), (False, CELLS), (True, CELLS),
    ]  # fmt: skip
    values = [row["curvature"] for row in history if "curvature" in row]
    assert all(value > settings(tiny).alphas_decay for value in values)
    shown = [line for line in console.file.getvalue().splitlines() if line.startswith("epoch ")]  # type: ignore[attr-defined]
    assert ["  curvature " in line for line in shown] == [True, False, True]
    panels = {panel.title: panel for panel in curves(history)}
    assert panels[CURVATURE].lines[0].points == ((1, values[0]), (3, values[1]))
    assert [line.name for line in panels[SKIPS].lines] == ["normal", "reduction"]
    assert {CURVATURE, SKIPS} <= set(SEARCH.panels)


def test_it_changes_no_step(tiny: Path) -> None:
    """But for what it is, the run is that without it."""
    plain, bent = run(tiny, "plain", epochs=2), run(tiny, "bent", epochs=2, curvature=1)
    extra = ("curvature", "skips")
    found = [
        {name: value for name, value in row.items() if name not in extra}
        for row in rows(bent.path / "history.jsonl")
    ]
    assert found == rows(plain.path / "history.jsonl")
    assert (plain.path / "alphas.jsonl").read_bytes() == (bent.path / "alphas.jsonl").read_bytes()


@pytest.mark.parametrize("step", [STEPS, STEPS + 1])
def test_a_search_goes_on(tiny: Path, step: int, stop_after: Callable[[int], None]) -> None:
    """Also from between an epoch's last step, which has computed it, and the epoch's end."""
    changes = {"epochs": 2, "curvature": 1, "order": "2"}
    whole = run(tiny, "whole", **changes)
    stop_after(step)
    part = run(tiny, "part", **changes)
    assert not part.finished
    assert ("curvature" in checkpoint_of(part.path)["state"]) == (step == STEPS)
    while not part.finished:
        part = loop.resume(part.path, console=quiet())
    same_runs(whole.path, part.path)
