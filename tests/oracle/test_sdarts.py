"""Random perturbation of the mixing weights against the oracle, float64, the draws given: steps over several epochs."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from dartsl.nn.draws import Draws
from dartsl.nn.passing import Pass, Scheduled
from dartsl.searching.image_session import ImageSession
from tests.nn.specs import RAGGED, small

from .following import ORDERS_AND_LEVELS, follow
from .mapping import randomise, spec_text, twin
from .naive.sdarts import SmoothedNetwork, SmoothedSearch
from .test_search import CONFIG, SIZE, data, settings

EPOCHS = 3


@pytest.mark.parametrize(("order", "level"), ORDERS_AND_LEVELS)
def test_search_steps(order: str, level: int) -> None:
    """The weights' step alone sees w + U(-eps, eps), eps = 0.03 + 0.27 e / E; no noise reaches the alphas."""
    torch.manual_seed(0)
    naive = SmoothedNetwork(2, 5, nodes=2).double()
    randomise(naive, seed=1)
    model = twin(naive, spec_text("darts_cnn", SIZE, 2), {"C": 2, "n": 1}, level)
    oracle = SmoothedSearch(naive, settings(order))
    session = ImageSession(
        model, dataclasses.replace(CONFIG, order=order, perturb="random", epochs=EPOCHS), data(16)
    )
    now = {"epoch": 0, "step": 0}

    def begin(epoch: int) -> None:
        now["epoch"] = epoch

    def before(train: object) -> None:
        epsilon = 0.03 + 0.27 * now["epoch"] / EPOCHS
        oracle.drawn = {
            cell: epsilon
            * Draws(model.seed).even(Pass(now["step"]), f"perturb.{cell}", tuple(table.shape), table.detach())
            for cell, table in naive.alphas.items()
        }
        now["step"] += 1

    rows = follow(oracle, session, begin=begin, before=before)
    assert [row["schedules"]["epsilon"] for row in rows] == pytest.approx([0.03, 0.12, 0.21], rel=1e-12)


def test_rows_stay_on_the_simplex() -> None:
    """Spare columns weigh nothing; a pass without an epsilon has the weights as they are."""
    model = small(RAGGED, dtype="float64")
    with torch.no_grad():
        for alpha in model.alpha_parameters():
            alpha.mul_(3000)
    plain = model.mixing_weights()["normal"]
    noisy = model.mixing_weights(Pass(5, scheduled=Scheduled(epsilon=1.0)))["normal"]
    torch.testing.assert_close(noisy.sum(dim=1), torch.ones(len(noisy), dtype=torch.float64))
    assert float(noisy.detach().min()) == 0
    assert bool((noisy[plain == 0] == 0).all())
    assert (noisy - plain).abs().max() > 0.1
    again = model.mixing_weights(Pass(5, "train", scheduled=Scheduled(epsilon=1.0)))["normal"]
    assert torch.equal(noisy, again)
    other = model.mixing_weights(Pass(6, scheduled=Scheduled(epsilon=1.0)))["normal"]
    assert not torch.equal(noisy, other)
