"""A step that fails in its weights, when the alphas have been stepped and running statistics have moved: all goes back.

The checkpoint it leaves is, bit for bit, that of the same run stopped before the step; and the run that goes on is the
one that never failed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dartsl.lang.codes.diagnostics import UserError
from dartsl.searching import loop
from dartsl.step.batches import Outcome
from dartsl.step.gradients import weight_step
from tests.search.runs import STEPS, checkpoint_of, quiet, run, same, same_runs

pytestmark = pytest.mark.usefixtures("undrawn")

CHANGES = {"warmup": 0, "alphas_lr": 0.3}


def fail_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights' pass of a step, counted from 1, gives NaN; by then the step has done all else."""

    def poisoned(model: Any, parts: Any, *rest: Any, **given: Any) -> Outcome:
        ((batch, pass_),) = parts
        if pass_.step == step - 1:
            batch = batch._replace(images=batch.images * math.nan)
        return weight_step(model, [(batch, pass_)], *rest, **given)

    monkeypatch.setattr("dartsl.searching.step.weight_step", poisoned)


@pytest.mark.parametrize(
    ("order", "step", "every"),
    [
        ("1", 1, 10),
        ("1", 2, 10),
        ("1", 3, 2),
        ("1", STEPS + 2, 10),
        ("2", STEPS + 2, 10),
        ("exact", STEPS + 3, 2),
    ],
)
def test_a_step_that_fails_leaves_the_state_before_it(
    tiny: Path,
    stop_after: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    order: str,
    step: int,
    every: int,
) -> None:
    """Whether numbers were looked at since the epoch began (`every` 2) or not."""
    run(tiny, "whole", order=order, **CHANGES)
    monkeypatch.setattr("dartsl.step.verified.EVERY", every)
    fail_at(step, monkeypatch)
    with pytest.raises(UserError, match="the training loss is not finite"):
        run(tiny, "failed", order=order, **CHANGES)
    monkeypatch.undo()
    monkeypatch.setattr(loop, "render", lambda _dot, _kind: b"<svg/>")
    failed = checkpoint_of(tiny.parent / "failed")["state"]
    assert failed["step"] == step - 1
    if step > 1:
        stop_after(step - 1)
        run(tiny, "stopped", order=order, **CHANGES)
        monkeypatch.undo()
        monkeypatch.setattr(loop, "render", lambda _dot, _kind: b"<svg/>")
        same(failed, checkpoint_of(tiny.parent / "stopped")["state"])
    assert loop.resume(tiny.parent / "failed", console=quiet()).finished
    same_runs(tiny.parent / "whole", tiny.parent / "failed")
