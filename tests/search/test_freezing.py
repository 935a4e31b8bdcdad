"""Operations that freeze in a run: what the history shows, what rests, and that a run goes on bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import SearchConfig
from dartsl.run.curves import FROZEN, curves
from dartsl.searching import loop
from dartsl.searching.freezing import Freezing, Seen
from tests.nn.specs import SEARCHED, small
from tests.search.runs import STEPS, checkpoint_of, quiet, rows, run, same_runs

pytestmark = pytest.mark.usefixtures("undrawn")
CHANGES = {"epochs": 3, "warmup": 1, "freeze": True, "freeze_steps": 4, "freeze_threshold": 0.1}


def test_the_history_counts_those_that_are_frozen(tiny: Path) -> None:
    """None in the warmup; six steps are compared after it, so that four decide."""
    result = run(tiny, "run", **CHANGES)
    history = rows(result.path / "history.jsonl")
    counts = [row["frozen"] for row in history]
    assert counts[:2] == [0, 0]
    assert counts[2] > 0
    assert {panel.title: panel for panel in curves(history)}[FROZEN].lines[0].points[-1] == (3, counts[2])
    state = checkpoint_of(result.path)["state"]["freezing"]
    assert (state["count"], int(state["frozen"].sum())) == (2 * STEPS - 4, counts[2])


@pytest.mark.parametrize("step", [STEPS + 2, 2 * STEPS + 1, 2 * STEPS + 2])
@pytest.mark.parametrize("order", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_search_goes_on(tiny: Path, step: int, order: str, stop_after: Callable[[int], None]) -> None:
    changes = {**CHANGES, "order": order}
    whole = run(tiny, "whole", **changes)
    stop_after(step)
    part = run(tiny, "part", **changes)
    assert not part.finished
    while not part.finished:
        part = loop.resume(part.path, console=quiet())
    same_runs(whole.path, part.path)


def test_a_mean_decides_once_in_so_many_steps() -> None:
    model = small(SEARCHED)
    freezing = Freezing(model, SearchConfig(freeze=True, freeze_steps=2, freeze_threshold=0.5))
    count = len(freezing.frozen)
    high, low = torch.ones(count), torch.ones(count)
    low[1] = -0.1
    freezing.add(high)
    freezing.add(None)
    assert not freezing.frozen.any()
    freezing.add(low)  # a mean of 0.45 for one of them
    assert freezing.frozen.tolist() == [place == 1 for place in range(count)]
    assert freezing.count == 0
    assert freezing.weights
    freezing.add(high)
    freezing.add(high)
    assert freezing.frozen.sum() == 1  # it stays so


def test_similarities_of_equal_opposite_and_missing_gradients() -> None:
    model = small(SEARCHED)
    freezing = Freezing(model, SearchConfig(freeze=True))
    gradients = [torch.randn_like(weight) + 0.1 for weight in model.weights()]
    assert freezing.similarity(Seen([*gradients], gradients)).tolist() == pytest.approx(  # type: ignore[union-attr]
        [1.0] * len(freezing.frozen), rel=1e-5
    )
    opposite = freezing.similarity(Seen([-each for each in gradients], gradients))
    assert opposite is not None
    assert opposite.tolist() == pytest.approx([-1.0] * len(freezing.frozen), rel=1e-5)
    nothing = freezing.similarity(Seen([None] * len(gradients), gradients))
    assert nothing is not None
    assert not nothing.any()
    assert freezing.similarity(Seen([*gradients], None)) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rollback": True, "stop": "curvature", "curvature": 1}, "go with rollback, which would train"),
        ({"relaxation": "gumbel_hard"}, "go with the relaxation `gumbel_hard`, which runs one operation"),
        ({"derive": "perturbation"}, "go with `derive = perturbation`, which goes on training without"),
    ],
)
def test_what_it_does_not_go_with_is_refused(tiny: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=f"freeze does not {reason}"):
        run(tiny, "run", **{**CHANGES, "epochs": 4, **changes})
