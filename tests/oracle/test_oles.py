"""Operations that freeze against the oracle's, float64: whole steps over several epochs, each operation in its time."""

from __future__ import annotations

import dataclasses

import pytest

from dartsl.searching.image_session import ImageSession

from .following import EACH_ORDER, follow
from .mapping import dartsl_name
from .naive.networks import weights_of
from .naive.oles import FreezingSearch, operation_of
from .test_search import CONFIG, data, settings, sides

STEPS = 2  # as many as an epoch has


@pytest.mark.parametrize("first", ["alphas", pytest.param("weights", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("order", "level"), EACH_ORDER)
def test_search_steps(order: str, level: int, first: str) -> None:
    """Weights, momentum through them, and alphas, after each step; some operations freeze in each epoch."""
    epochs = 2 if order == "exact" else 3  # with each step both sides are further apart, by roundings
    plain, model = sides(order, level=level)
    chosen = dataclasses.replace(settings(order), weights_first=first == "weights")
    oracle = FreezingSearch(plain.model, chosen, threshold=0.05, every=STEPS)
    config = dataclasses.replace(
        CONFIG,
        order=order,
        epochs=epochs,
        steps_first=first,
        freeze=True,
        freeze_threshold=0.05,
        freeze_steps=STEPS,
    )
    session = ImageSession(model, config, data(16))
    counts = []

    def begin(epoch: int) -> None:
        counts.append(len(oracle.frozen))
        names = {
            dartsl_name(name) for name in weights_of(oracle.model) if operation_of(name) in oracle.frozen
        }
        ours = {id(weight) for weight in session.freezing.weights}
        assert {name for name, weight in model.named_parameters() if id(weight) in ours} == names

    rows = follow(oracle, session, begin=begin)
    counts.append(len(oracle.frozen))
    assert [row["frozen"] for row in rows] == counts[1:]
    operations = {each for name in weights_of(oracle.model) if (each := operation_of(name)) is not None}
    assert 0 < counts[1] < counts[2] <= counts[-1] < len(operations)
    assert len(session.freezing.frozen) == len(operations)
