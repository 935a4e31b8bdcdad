"""Searches that run one operation an edge (GDAS)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dartsl.lang.checker import check, pick_network
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.passing import Pass
from dartsl.run.obstacles import obstacles
from dartsl.run.parallel import ALONE
from dartsl.searching import loop
from dartsl.searching.curvature import curvature
from dartsl.searching.memory import costliest_step, estimate_step, step_peak
from tests.nn.specs import RAGGED, SEARCHED, small
from tests.search.runs import STEPS, quiet, run, same_runs
from tests.search.test_products import batch_of


@pytest.mark.parametrize(
    "changes",
    [
        {"order": "1", "memory": "low", "nesterov": True},
        {"order": "2", "edge_weights": True, "auxiliary_skip": True},
        {"order": "exact", "steps_first": "weights", "optimise": 0},
    ],
)
def test_an_interrupted_run_goes_on_bit_for_bit(
    tiny: Path, stop_after: Callable[[int], None], changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights of what was never chosen have no momentum, in a checkpoint too."""
    run(tiny, "whole", relaxation="gumbel_hard", **changes)
    stop_after(STEPS + 2)
    assert not run(tiny, "parts", relaxation="gumbel_hard", **changes).finished
    monkeypatch.undo()
    torch.rand(3)
    assert loop.resume(tiny.parent / "parts", console=quiet()).finished
    same_runs(tiny.parent / "whole", tiny.parent / "parts")


@pytest.mark.parametrize(
    ("text", "order", "settings"),
    [
        (SEARCHED, "1", {"level": 2}),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in (
                (SEARCHED, "2", {"level": 0}),
                (RAGGED, "1", {"level": 2, "memory": "low"}),
                (RAGGED, "2", {"level": 2}),
            )
        ),
    ],
)
def test_the_estimate_is_of_the_costliest_of_the_first_draws(
    text: str, order: str, settings: dict[str, object]
) -> None:
    real = small(text, relaxation="gumbel_hard", **settings)
    with torch.no_grad():
        for alpha in real.alpha_parameters():
            alpha.zero_()
    shadow = small(text, relaxation="gumbel_hard", device="meta", **settings)
    number = costliest_step(shadow)
    assert number == costliest_step(real) > 0
    for kind in ("train", "validation"):
        assert shadow.chosen(Pass(number, kind)) == real.chosen(Pass(number, kind))  # type: ignore[arg-type]
    assert step_peak(shadow, 6, order) == pytest.approx(step_peak(real, 6, order), rel=0.05)


@pytest.mark.parametrize(
    ("name", "parameters", "batch", "order", "measured"),
    [
        # Peaks of a process over 100, 30, 15 and 10 steps, in MB: torch 2.13, one thread.
        ("nasbench201", {"C": 8, "n": 1}, 16, "1", 40),
        pytest.param("nasbench201", {"C": 16, "n": 1}, 64, "1", 208, marks=pytest.mark.slow),
        pytest.param("nasbench201", {"C": 8, "n": 1}, 64, "2", 119, marks=pytest.mark.slow),
        pytest.param("darts_cnn", {"C": 8, "n": 1}, 32, "1", 276, marks=pytest.mark.slow),
    ],
)
def test_an_estimate_is_within_a_fifth_of_what_was_measured(
    name: str, parameters: dict[str, int], batch: int, order: str, measured: int
) -> None:
    spec = check(read(name))
    planned = plan(spec, pick_network(spec, None), parameters)
    found = estimate_step(planned, batch, order, Build(relaxation="gumbel_hard"))
    assert 0.8 < found / (measured * 10**6) < 1.2


def test_the_curvature_is_that_of_a_dense_hessian() -> None:
    """Through p alone: which operation is drawn does not change."""
    model = small(SEARCHED, dtype="float64", relaxation="gumbel_hard")
    batch, pass_ = batch_of(model, 1), Pass(3, "validation", frozen=True)
    alphas = model.alpha_parameters()
    slopes = torch.autograd.grad(batch.take(model, pass_).loss, alphas, create_graph=True)
    rows = [
        torch.autograd.grad(each, alphas, retain_graph=True, materialize_grads=True)
        for slope in slopes
        for each in slope.flatten()
    ]
    dense = torch.stack([torch.cat([part.flatten() for part in row]) for row in rows])
    largest = float(torch.linalg.eigvalsh(dense).max()) + 0.01
    assert curvature(model, batch, pass_, 0.01) == pytest.approx(largest, rel=1e-6)


def test_a_step_holds_less() -> None:
    hard, soft = (
        step_peak(small(SEARCHED, device="meta", relaxation=name), 8, "1")
        for name in ("gumbel_hard", "softmax")
    )
    assert hard < 0.7 * soft


def test_steps_are_not_captured() -> None:
    found = obstacles(small(SEARCHED, relaxation="gumbel_hard"), ALONE, own_code=False)
    reason = next(reason for reason, holds in found.items() if holds)
    assert reason == "each edge runs the one operation that is drawn for it, another one in each step"


def test_perturbed_weights_are_refused(tiny: Path) -> None:
    with pytest.raises(UserError, match="which runs one operation on each edge"):
        run(tiny, "run", relaxation="gumbel_hard", perturb="random")
