"""Searches whose mixing weights are perturbed in the weights' step (SDARTS)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import dartsl
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.schedules import Schedule
from dartsl.searching import loop
from tests.search.runs import STEPS, checkpoint_of, quiet, run, same, same_runs


@pytest.mark.parametrize(
    "changes",
    [
        {"order": "1", "perturb": "random"},
        {"order": "exact", "edge_weights": True, "perturb": "random"},
        {"order": "2", "edge_weights": True, "perturb": "adversarial", "relaxation": "gumbel"},
    ],
)
def test_an_interrupted_run_goes_on_bit_for_bit(
    tiny: Path, stop_after: Callable[[int], None], changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tiny, "whole", **changes)
    stop_after(STEPS + 2)
    assert not run(tiny, "parts", **changes).finished
    monkeypatch.undo()
    torch.rand(3)
    assert loop.resume(tiny.parent / "parts", console=quiet()).finished
    same_runs(tiny.parent / "whole", tiny.parent / "parts")
    epsilons = [row["schedules"]["epsilon"] for row in dartsl.Run(tiny.parent / "parts").history]
    assert epsilons == pytest.approx([0.03, 0.165], rel=1e-12)


@pytest.mark.parametrize("perturb", ["random", "adversarial"])
def test_an_epsilon_of_zero_is_no_perturbation(tiny: Path, perturb: str) -> None:
    run(tiny, "plain", warmup=0)
    run(tiny, "zero", warmup=0, perturb=perturb, epsilon=Schedule.constant(0.0))
    one, other = (checkpoint_of(tiny.parent / name)["state"]["model"] for name in ("plain", "zero"))
    same(one, other)


def test_what_it_does_not_go_with_is_refused(tiny: Path) -> None:
    with pytest.raises(UserError, match="does not go with the relaxation `sigmoid`"):
        run(tiny, "run", perturb="random", relaxation="sigmoid")
