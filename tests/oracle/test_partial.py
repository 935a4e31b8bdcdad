"""Partial channels (PC-DARTS) against the oracle, float64: whole steps over several epochs, sizes, skip connections."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from dartsl import compile
from dartsl.nn.passing import Pass, Scheduled
from dartsl.nn.supernet import Supernet
from dartsl.searching.image_session import ImageSession

from .following import EACH_ORDER, follow
from .mapping import checked, randomise, renamed, spec_text
from .naive.bilevel import Search
from .naive.networks import Network
from .naive.pc_darts import PartialOp, WeightedNetwork, with_partial_channels
from .test_search import CONFIG, SIZE, data, settings

C, PARTS, NODES, EPOCHS = 4, 4, 2, 2


def sides(
    level: int,
    *,
    edge_weights: bool = True,
    skips: bool = False,
    parts: int = PARTS,
    size: tuple[int, int] = SIZE,
) -> tuple[Network, Supernet]:
    """The same network on both sides, with alphas and betas from N(0, 1)."""
    torch.manual_seed(0)
    made = (WeightedNetwork if edge_weights else Network)(C, 5, nodes=NODES)
    naive = with_partial_channels(made, C, parts, skips).double()
    randomise(naive, seed=1)
    model = compile(
        checked(spec_text("darts_cnn", size, NODES)), None, {"C": C, "n": 1},
        level=level, dtype="float64", partial=parts, edge_weights=edge_weights, auxiliary_skip=skips,
    )  # fmt: skip
    model.load_state_dict(renamed(naive, naive.state_dict()), strict=True)
    return naive, model


@pytest.mark.parametrize(("order", "level"), EACH_ORDER)
@pytest.mark.parametrize(
    ("edge_weights", "skips"),
    [(True, False), pytest.param(False, True, marks=pytest.mark.slow)],
    ids=["pc_darts", "with skips"],
)
def test_search_steps(order: str, level: int, edge_weights: bool, skips: bool) -> None:
    """Weights, alphas and betas after every step; the skip connection fades, beside what is mixed."""
    naive, model = sides(level, edge_weights=edge_weights, skips=skips)
    config = dataclasses.replace(
        CONFIG, order=order, edge_weights=edge_weights, partial=PARTS, auxiliary_skip=skips, epochs=EPOCHS
    )

    def begin(epoch: int) -> None:
        for edge in naive.modules():
            if isinstance(edge, PartialOp):
                edge.faded = (EPOCHS - epoch) / EPOCHS

    follow(Search(naive, settings(order)), ImageSession(model, config, data(16)), begin=begin)


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize(
    ("parts", "edge_weights", "skips", "size"),
    [(2, False, False, (8, 8)), (4, True, True, (7, 5))],
)
def test_a_pass(level: int, parts: int, edge_weights: bool, skips: bool, size: tuple[int, int]) -> None:
    """Of odd maps the last row and column are pooled alone, so that they are as large as what is mixed.

    The authors' pool leaves them out, and their network cannot put the two together.
    """
    naive, model = sides(level, edge_weights=edge_weights, skips=skips, parts=parts, size=size)
    for edge in naive.modules():
        if isinstance(edge, PartialOp):
            edge.faded = 0.3
    images = torch.randn(3, 3, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = model(images, None, Pass(scheduled=Scheduled(auxiliary_skip=0.3)))
    torch.testing.assert_close(found, naive(images), rtol=1e-10, atol=1e-12)


def twice(edge: PartialOp, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The auxiliary skip connection beside what passes by, too."""
    rest = x.clone()
    width = x.shape[1] // edge.parts
    rest[:, width:] *= 1 + (edge.faded if edge.beside is not None else 0)
    return RIGHT(edge, rest, weights)


def last(edge: PartialOp, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The last channels mixed in place of the first."""
    return RIGHT(edge, x.roll(x.shape[1] // edge.parts, 1), weights)


def straight(edge: PartialOp, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Channels in the order in which they were put together."""
    return RIGHT(edge, x, weights).unflatten(1, (-1, edge.parts)).transpose(1, 2).flatten(1, 2)


RIGHT = PartialOp.forward


@pytest.mark.parametrize("departure", [RIGHT, twice, last, straight], ids=lambda each: each.__name__)
def test_departures_are_seen(departure: object, monkeypatch: pytest.MonkeyPatch) -> None:
    naive, model = sides(0, skips=True)
    monkeypatch.setattr(PartialOp, "forward", departure)
    images = torch.randn(3, 3, *SIZE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        apart = (model(images) - naive(images)).abs().max()
    assert (apart < 1e-10) == (departure is RIGHT)
