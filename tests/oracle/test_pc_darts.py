"""Edge weights as PC-DARTS has them against the oracle, float64: whole steps over several epochs, and derived cells."""

from __future__ import annotations

import dataclasses
import math
import random

import pytest
import torch

from dartsl import compile
from dartsl.graph.tables import BETAS, AlphaTable
from dartsl.nn.supernet import Supernet
from dartsl.searching.discretise import derive
from dartsl.searching.image_session import ImageSession
from dartsl.searching.readouts import readings

from .following import EACH_ORDER, follow
from .mapping import checked, randomise, renamed, spec_text
from .naive.bilevel import Search
from .naive.derive import Pick
from .naive.pc_darts import WeightedNetwork, keep_heaviest
from .test_search import CONFIG, SIZE, data, picks, settings

NODES = 3
CELLS = ("normal", "reduction")


def sides(order: str, level: int) -> tuple[Search, Supernet]:
    """The same network on both sides, with alphas and betas from N(0, 1)."""
    torch.manual_seed(0)
    naive = WeightedNetwork(2, 5, nodes=NODES).double()
    randomise(naive, seed=1)
    text = spec_text("darts_cnn", SIZE, NODES)
    made = compile(checked(text), None, {"C": 2, "n": 1}, level=level, dtype="float64", edge_weights=True)
    made.load_state_dict(renamed(naive, naive.state_dict()), strict=True)
    return Search(naive, settings(order)), made


@pytest.mark.parametrize(("order", "level"), EACH_ORDER)
def test_search_steps(order: str, level: int) -> None:
    """Weights, alphas and betas after every step."""
    oracle, model = sides(order, level)
    start = {name: value.clone() for name, value in model.state_dict().items() if name.startswith(BETAS)}
    session = ImageSession(
        model, dataclasses.replace(CONFIG, order=order, edge_weights=True, epochs=3), data(16)
    )
    row = follow(oracle, session)[-1]
    for name, value in start.items():
        assert (model.state_dict()[name] - value).abs().min() > 0.01
    assert set(row["entropy"]) == set(CELLS)


def chosen(cell: list[list[Pick]]) -> list[list[tuple[str, int]]]:
    """Operations and sources without their weights."""
    return [[pick[:2] for pick in node] for node in cell]


def test_derived_cells() -> None:
    """Edges stay by softmax(alpha) * softmax(beta); one that ignores betas would keep others."""
    cell = checked(spec_text("darts_cnn", SIZE, NODES)).cells["normal"]
    targets = tuple(f"n{node}" for node in range(NODES) for _ in range(2 + node))
    table = AlphaTable("normal", "normal", (8,) * len(targets), targets)
    generator, otherwise = random.Random(0), 0
    for _ in range(200):
        alphas = [[generator.gauss(0, 1) for _ in range(8)] for _ in targets]
        betas = [generator.gauss(0, 1) for _ in targets]
        recorded = {"alphas": {"normal": alphas}, BETAS: {"normal": betas}}
        found = readings("softmax", [table], recorded, True)["normal"]
        wanted = keep_heaviest(alphas, betas, NODES)
        assert chosen(picks(derive(cell, found.weights, edges=found.edges), 0)) == chosen(wanted)
        otherwise += chosen(picks(derive(cell, found.weights), 0)) != chosen(wanted)
    assert otherwise > 100


def test_shares_of_large_betas() -> None:
    """They neither overflow in a pass nor where they are read; an edge alone counts as it is."""
    _, model = sides("1", 0)
    with torch.no_grad():
        betas = dict(model.named_parameters())["betas.normal"]
        betas.copy_(torch.arange(len(betas)) * 400.0)
    found = readings("softmax", model.tables, model.architecture(), True)["normal"].edges
    rows = model.mixing_weights()["normal"].sum(dim=1).tolist()
    assert list(found) == pytest.approx(rows, rel=1e-12)
    assert [place for place, share in enumerate(found) if share == 1] == [1, 4, 8]
    assert math.fsum(found) == pytest.approx(NODES)
