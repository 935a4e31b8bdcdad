"""A step that fails in its weights, when the alphas have been stepped and running statistics have moved: all goes back.

The checkpoint it leaves is, bit for bit, that of the same run stopped before the step; and the run that goes on is the
one that never failed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dartsl.lang.diagnostics import UserError
from dartsl.searching import bilevel, loop
from dartsl.step.finite import NonFiniteError
from tests.search.runs import STEPS, checkpoint_of, quiet, run, same, same_runs

pytestmark = pytest.mark.usefixtures("undrawn")

CHANGES = {"warmup": 0, "alphas_lr": 0.3}


def fail_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights' gradient of a step, counted from 1, is not finite; by then the step has done all else."""
    require, seen = bilevel.require_finite, 0

    def failing(model: Any, quantity: str, *rest: Any) -> float:
        nonlocal seen
        seen += quantity == "weights' gradient"
        if seen == step:
            raise NonFiniteError(quantity, "network.stem0.conv.weight", float("nan"))
        return require(model, quantity, *rest)

    monkeypatch.setattr(bilevel, "require_finite", failing)


@pytest.mark.parametrize(
    ("order", "step"), [("1", 1), ("1", 2), ("1", STEPS + 2), ("2", STEPS + 2), ("exact", 2)]
)
def test_a_step_that_fails_leaves_the_state_before_it(
    tiny: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, order: str, step: int
) -> None:
    run(tiny, "whole", order=order, **CHANGES)
    fail_at(step, monkeypatch)
    with pytest.raises(UserError, match="the weights' gradient is not finite"):
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
