"""P-DARTS's dropout after skip connections and its clipping of the alphas' gradient against the oracle, float64, the
masks given: steps over several epochs."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch

from dartsl.nn.build import Build
from dartsl.nn.draws import Draws
from dartsl.nn.passing import Pass
from dartsl.nn.supernet import compile
from dartsl.searching.image_session import ImageSession
from dartsl.step.batches import ImageBatch

from .following import EACH_ORDER, follow
from .mapping import checked, randomise, renamed, spec_text
from .naive.bilevel import Search
from .naive.networks import Network
from .naive.p_darts import drop_skips, rate
from .naive.penalties import beta_decay
from .test_search import CONFIG, SIZE, data, settings

RATE, EPOCHS, FROZEN, CLIP = 0.4, 3, 1, 0.5
SEED = 0


class Following:
    """What the oracle is told of the pass that it takes: the epoch, the step, and the training batch."""

    epoch = 0
    step = -1
    train: torch.Tensor
    seen: torch.Tensor

    def mask(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """The mask of the skip connection of a cell's edge, by dartsl's own draws."""
        cell, _, edge = name.partition(".")
        node, source = map(int, edge.split("_"))
        path = f"layer{cell}.n{node}.{('c0', 'c1', 'n0')[source]}.skip_connect.skip_dropout"
        kind = "train" if torch.equal(self.seen, self.train) else "validation"
        p = rate(RATE, self.epoch, EPOCHS, FROZEN)
        return Draws(SEED).kept(Pass(self.step, kind), path, tuple(x.shape), p, x)


NOW = Following()


class DroppedNetwork(Network):
    """The search network with dropout, which says what it sees."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        NOW.seen = images
        return super().forward(images)


def mask(name: str, x: torch.Tensor) -> torch.Tensor:
    """A function, which copies of a network share."""
    return NOW.mask(name, x)


class Resting(Search):
    """A search whose alphas rest in the first epochs."""

    def alpha_step(self, train: Any, validation: Any, xi: float) -> None:
        if NOW.epoch >= FROZEN:
            super().alpha_step(train, validation, xi)


@pytest.mark.parametrize(("order", "level"), EACH_ORDER)
def test_search_steps(order: str, level: int) -> None:
    """One mask a candidate, batch and step, in the alphas' passes too; the rate falls, rises and fades.

    The alphas' gradient is clipped with that of a penalty in it.
    """
    torch.manual_seed(0)
    naive = DroppedNetwork(2, 5, nodes=2).double()
    randomise(naive, seed=1)
    build = Build(level=level, dtype="float64", skip_dropout=True)
    model = compile(checked(spec_text("darts_cnn", SIZE, 2)), None, {"C": 2, "n": 1}, build)
    model.load_state_dict(renamed(naive, naive.state_dict()), strict=True)
    drop_skips(naive, mask)
    config = dataclasses.replace(
        CONFIG,
        order=order,
        epochs=EPOCHS,
        warmup=FROZEN,
        skip_dropout=RATE,
        alphas_clip=CLIP,
        penalty=("beta_decay",),
    )
    oracle = Resting(naive, dataclasses.replace(settings(order), alphas_clip=CLIP))

    def begin(epoch: int) -> None:
        NOW.epoch, NOW.step = epoch, -1 if epoch == 0 else NOW.step
        oracle.penalty = lambda alphas: beta_decay(
            [row for table in alphas.values() for row in table], epoch, EPOCHS
        )

    def before(train: ImageBatch) -> None:
        NOW.step, NOW.train = NOW.step + 1, train[0]

    session = ImageSession(model, config, data(16))
    rows = follow(oracle, session, begin=begin, before=before)
    rates = [row["schedules"]["skip_dropout"] for row in rows]
    assert rates == pytest.approx([0.4 * 2 / 3, 0.4, 0.4 * math.exp(-0.2)], rel=1e-15)
    assert min(oracle.norms) > CLIP
