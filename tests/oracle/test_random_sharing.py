"""Random search with shared weights against the oracle: float64, the paths given; steps, selection, and the cells."""

from __future__ import annotations

import dataclasses
import math
from contextlib import nullcontext
from typing import Any

import pytest
import torch

from dartsl.graph.tables import LEFT_OUT
from dartsl.nn.build import Build
from dartsl.nn.passing import Pass
from dartsl.nn.supernet import Supernet, compile
from dartsl.searching import selection
from dartsl.searching.image_session import ImageSession
from dartsl.searching.phase import Trial
from dartsl.step.batches import ImageBatch

from .mapping import assert_equal, checked, randomise, renamed, spec_text
from .naive import random_sharing
from .naive.random_sharing import PathNetwork, SharedSearch, of_paths
from .test_search import CONFIG, SIZE, data, settings

NODES, EPOCHS, SAMPLES, FINALISTS = 2, 2, 6, 3


@pytest.fixture(autouse=True)
def few_finalists(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (selection, random_sharing):
        monkeypatch.setattr(module, "FINALISTS", FINALISTS)


def sides(level: int) -> tuple[SharedSearch, ImageSession]:
    torch.manual_seed(0)
    network = of_paths(PathNetwork(2, 5, nodes=NODES).double())
    randomise(network, seed=1)
    build = Build(level=level, dtype="float64", relaxation="uniform", projected=True)
    model = compile(checked(spec_text("darts_cnn", SIZE, NODES)), None, {"C": 2, "n": 1}, build)
    model.load_state_dict(renamed(network, network.state_dict()), strict=False)
    config = dataclasses.replace(
        CONFIG, epochs=EPOCHS, relaxation="uniform", derive="sampled", samples=SAMPLES, sample_batches=1
    )
    return SharedSearch(network, settings("1")), ImageSession(model, config, data(16))


def compare(oracle: SharedSearch, session: ImageSession) -> None:
    """All steps and the selection on both sides; batches and paths are the session's."""
    drawn: list[ImageBatch] = []
    make, config, model = session._batch, session.config, session.model

    def recorded(chosen: Any) -> ImageBatch:
        drawn.append(make(chosen))
        return drawn[-1]

    vars(session)["_batch"] = recorded
    left_out = False
    for epoch in range(EPOCHS):
        session.begin_epoch()
        xi = config.lr_min + 0.5 * (1 + math.cos(math.pi * epoch / EPOCHS)) * (config.lr - config.lr_min)
        for place in session.left():
            drawn.clear()
            path = model.chosen(Pass(session.number, "train"))
            left_out = left_out or LEFT_OUT in path["normal"]
            session.take_step(place)
            oracle.train(path, (drawn[0].images, drawn[0].labels), xi)
            assert_equal(without(model), renamed(oracle.model, oracle.model.state_dict()))
        session.end_epoch()
    assert left_out
    session.begin_epoch()
    drawn.clear()
    paths = [
        dict(zip(("normal", "reduction"), map(list, rows), strict=True))
        for rows in session.following.architectures  # type: ignore[attr-defined]
    ]
    assert len(paths) == SAMPLES
    for trial in session.left():
        assert isinstance(trial, Trial)
        session.take_step(trial)
    batches = [(images, labels) for images, labels, *_ in drawn[-2:]]
    assert len(drawn) == SAMPLES + FINALISTS * len(batches)
    path, accuracy = oracle.select(paths, batches, few=1)
    row = session.end_epoch().history
    assert session.finished
    assert row["validation_accuracy"] == accuracy
    assert model.decided() == path
    assert_equal(without(model), renamed(oracle.model, oracle.model.state_dict()))


def without(model: Supernet) -> dict[str, torch.Tensor]:
    """What the oracle has, too."""
    return {name: value for name, value in model.state_dict().items() if not name.startswith("decided")}


@pytest.mark.parametrize("level", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_a_search(level: int) -> None:
    compare(*sides(level))


@pytest.mark.slow
def test_measuring_in_training_mode_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A departure: a batch's own statistics normalise what is measured."""
    monkeypatch.setattr("dartsl.searching.session.evaluated", nullcontext)
    with pytest.raises(AssertionError):
        compare(*sides(2))


def test_weights_that_are_decayed_without_a_gradient_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A departure: operations of no path move by decay and momentum."""
    weigh = SharedSearch.weight_step

    def everywhere(self: SharedSearch, *given: Any) -> float:
        loss = weigh(self, *given)
        for parameter in self.model.parameters():
            if parameter.grad is None:
                parameter.data.mul_(1 - 1e-4)
        return loss

    monkeypatch.setattr(SharedSearch, "weight_step", everywhere)
    with pytest.raises(AssertionError):
        compare(*sides(2))
