"""Searches with one operation an edge (GDAS) against the oracle's: float64, the draws given, several epochs."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from dartsl.lang.settings.schedules import Schedule
from dartsl.nn.supernet import Supernet
from dartsl.searching.image_session import ImageSession

from .following import EACH_ORDER, follow
from .mapping import randomise, spec_text, twin
from .naive.bilevel import Batch, Search
from .naive.gdas import GumbelHard, one_operation
from .naive.relaxations import linear
from .test_relaxations import drawn
from .test_search import CONFIG, SIZE, data, settings

EPOCHS = 3
FIRST, LAST = 10.0, 0.1


class Following(Search):
    """A search whose network sees, in a step, the draws of both of its batches."""

    theirs: Supernet
    number = 0

    def step(self, train: Batch, validation: Batch, xi: float) -> float:
        kinds: tuple[Any, ...] = ("train", "validation")
        self.model.batches = tuple(
            (batch[0], drawn("gumbel", self.theirs, self.number, kind))
            for batch, kind in zip((train, validation), kinds, strict=True)
        )
        self.number += 1
        return super().step(train, validation, xi)


def hard(order: str, level: int, **changes: Any) -> tuple[Following, ImageSession]:
    """Both sides of a search with GDAS's temperatures, weights first."""
    torch.manual_seed(0)
    network = one_operation(GumbelHard(2, 5, nodes=2).double())
    randomise(network, seed=1)
    model = twin(network, spec_text("darts_cnn", SIZE, 2), {"C": 2, "n": 1}, level, "gumbel_hard")
    given = dataclasses.replace(settings(order), weights_first=True, nesterov=True)
    oracle = Following(network, given)
    oracle.theirs = model
    config = dataclasses.replace(
        CONFIG,
        order=order,
        epochs=EPOCHS,
        relaxation="gumbel_hard",
        temperature=Schedule(FIRST, LAST, "linear"),
        steps_first="weights",
        nesterov=True,
        **changes,
    )
    return oracle, ImageSession(model, config, data(16))


@pytest.mark.parametrize(("order", "level"), EACH_ORDER)
def test_search_steps(order: str, level: int) -> None:
    """tau_e = 10 - 9.9 e / (E - 1) over the run's own epochs; weights of what is not chosen rest, momentum and all."""
    oracle, session = hard(order, level)

    def begin(epoch: int) -> None:
        oracle.model.temperature = linear(FIRST, LAST, epoch, EPOCHS)

    rows = follow(oracle, session, begin=begin)
    assert [row["schedules"]["temperature"] for row in rows] == pytest.approx([10.0, 5.05, 0.1])


@pytest.mark.parametrize("mutant", ["constant epochs", "no straight-through", "all candidates"])
def test_departures_are_seen(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tools' departures: a schedule over a fixed number of epochs, no gradient of p, scalars of the others."""
    oracle, session = hard("1", 2)
    epochs = 50 if mutant == "constant epochs" else EPOCHS
    if mutant == "no straight-through":
        monkeypatch.setattr(GumbelHard, "mixing", _without_p(GumbelHard.mixing))
    if mutant == "all candidates":
        _add_the_others(monkeypatch)

    def begin(epoch: int) -> None:
        oracle.model.temperature = linear(FIRST, LAST, epoch, epochs)

    with pytest.raises(AssertionError):
        follow(oracle, session, begin=begin)


def _without_p(mixing: Any) -> Any:
    def constant(self: GumbelHard, kind: str, images: torch.Tensor) -> torch.Tensor:
        weights: torch.Tensor = mixing(self, kind, images)
        return weights.detach() + 0 * self.alphas[kind].sum()

    return constant


def _add_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chosen operation, plus the other mixing weights as numbers, as in the authors' code for NAS-Bench-201."""
    from .naive.gdas import ChosenOp

    before = ChosenOp.forward

    def forward(self: ChosenOp, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return before(self, x, weights) + weights.sum() - weights.max()

    monkeypatch.setattr(ChosenOp, "forward", forward)
