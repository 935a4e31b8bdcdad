"""Perturbed mixing weights against the oracle, float64, the draws given: steps over several epochs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from dartsl.nn.draws import Draws
from dartsl.nn.passing import Pass, Scheduled
from dartsl.nn.perturbation import ascended, on_simplex
from dartsl.nn.supernet import Supernet
from dartsl.searching.adversary import hardest
from dartsl.searching.image_session import ImageSession
from tests.nn.specs import RAGGED, small

from .following import EACH_ORDER, follow
from .mapping import randomise, spec_text, twin
from .naive.sdarts import AdversarialSearch, SmoothedNetwork, SmoothedSearch
from .test_search import CONFIG, SIZE, data, settings

EPOCHS = 3
SLOWER = [pytest.param(*each, marks=pytest.mark.slow) for each in (("1", 0), ("2", 2))]


def followed(
    made: type[SmoothedSearch], order: str, level: int, epochs: int = EPOCHS, images: int = 16, **changes: Any
) -> SmoothedSearch:
    """A search as it is run, whose oracle is given its draws; epsilon is 0.03 + 0.27 e / E."""
    torch.manual_seed(0)
    naive = SmoothedNetwork(2, 5, nodes=2).double()
    randomise(naive, seed=1)
    model = twin(naive, spec_text("darts_cnn", SIZE, 2), {"C": 2, "n": 1}, level)
    oracle = made(naive, settings(order))
    session = ImageSession(
        model, dataclasses.replace(CONFIG, order=order, epochs=epochs, **changes), data(images)
    )
    now = {"epoch": 0, "step": 0}

    def begin(epoch: int) -> None:
        now["epoch"] = epoch

    def before(train: object) -> None:
        oracle.epsilon = 0.03 + 0.27 * now["epoch"] / epochs
        oracle.drawn = {
            cell: oracle.epsilon
            * Draws(model.seed).even(Pass(now["step"]), f"perturb.{cell}", tuple(table.shape), table.detach())
            for cell, table in naive.alphas.items()
        }
        now["step"] += 1

    rows = follow(oracle, session, begin=begin, before=before)
    wanted = [0.03, 0.12, 0.21][: len(rows)]
    assert [row["schedules"]["epsilon"] for row in rows] == pytest.approx(wanted, rel=1e-12)
    return oracle


@pytest.mark.parametrize(("order", "level"), EACH_ORDER)
def test_random_search_steps(order: str, level: int) -> None:
    """The weights' step alone sees w + U(-eps, eps); no noise reaches the alphas."""
    followed(SmoothedSearch, order, level, perturb="random")


@pytest.mark.parametrize(("order", "level"), [("1", 2), *SLOWER])
def test_adversarial_search_steps(order: str, level: int) -> None:
    """The weights' step alone sees what seven steps up the training loss lead to, in evaluation mode."""
    oracle = followed(AdversarialSearch, order, level, images=8, perturb="adversarial")
    assert isinstance(oracle, AdversarialSearch)
    assert oracle.kept[True] > 0


def descending(now: torch.Tensor, slope: torch.Tensor, *rest: Any) -> torch.Tensor:
    """A departure: the perturbation lowers the loss."""
    return ascended(now, -slope, *rest)


def written_back(model: Supernet, *rest: Any) -> Mapping[str, torch.Tensor]:
    """A departure: alphas become those of the perturbed weights."""
    found = hardest(model, *rest)
    with torch.no_grad():
        for name, weights in found.items():
            model.alpha(name).copy_(weights.clamp(min=1e-9).log())
    return found


@pytest.mark.parametrize(
    ("place", "mutant"),
    [("dartsl.searching.adversary.ascended", descending), ("dartsl.searching.step.hardest", written_back)],
)
def test_departures_are_caught(place: str, mutant: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, mutant)
    with pytest.raises(AssertionError, match="off by"):
        followed(AdversarialSearch, "1", 0, epochs=1, images=8, perturb="adversarial")


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


def test_a_row_that_is_cut_to_nothing_has_one_where_it_was_largest() -> None:
    """The first column is spare."""
    moved = torch.tensor([[0.5, -0.3, -0.1, -0.2], [0.2, 1.5, -0.5, 0.5]])
    spare = torch.tensor([[True, False, False, False]]).expand(2, 4)
    assert on_simplex(moved, spare).tolist() == [
        [0, 0, 1, 0],
        [0, pytest.approx(2 / 3), 0, pytest.approx(1 / 3)],
    ]
