"""The auxiliary skip connection of DARTS- against the oracle, float64: whole steps over several epochs."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from dartsl import compile
from dartsl.nn.supernet import Supernet
from dartsl.searching.image_session import ImageSession

from .following import EACH_ORDER, follow
from .mapping import checked, randomise, renamed, spec_text
from .naive.bilevel import Search
from .naive.darts_minus import SkippedNetwork
from .test_search import CONFIG, SIZE, data, settings

EPOCHS = 3


def sides(order: str, level: int) -> tuple[Search, Supernet]:
    """The same network on both sides, with alphas from N(0, 1)."""
    torch.manual_seed(0)
    naive = SkippedNetwork(2, 5, nodes=2).double()
    randomise(naive, seed=1)
    text = spec_text("darts_cnn", SIZE, 2)
    made = compile(checked(text), None, {"C": 2, "n": 1}, level=level, dtype="float64", auxiliary_skip=True)
    made.load_state_dict(renamed(naive, naive.state_dict()), strict=True)
    return Search(naive, settings(order)), made


@pytest.mark.parametrize(("order", "level"), EACH_ORDER)
def test_search_steps(order: str, level: int) -> None:
    """It weighs (E - e) / E: 1, 2/3 and 1/3 in three epochs."""
    oracle, model = sides(order, level)
    config = dataclasses.replace(CONFIG, order=order, auxiliary_skip=True, epochs=EPOCHS)
    session = ImageSession(model, config, data(16))

    def begin(epoch: int) -> None:
        oracle.model.beside = (EPOCHS - epoch) / EPOCHS

    rows = follow(oracle, session, begin=begin)
    weights = [row["schedules"]["auxiliary_skip"] for row in rows]
    assert weights == pytest.approx([1, 2 / 3, 1 / 3], rel=1e-15)


def test_it_is_there_in_evaluation() -> None:
    oracle, model = sides("1", 2)
    images = torch.randn(3, 3, *SIZE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model.eval()
    oracle.model.eval()
    torch.testing.assert_close(model(images), oracle.model(images), rtol=1e-10, atol=1e-12)
