"""Searches with relaxations that draw, several epochs of a schedule, against the oracle's: float64, the draws given."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.schedules import Schedule
from dartsl.nn.draws import Draws, stream_seed
from dartsl.nn.passing import KINDS, Pass
from dartsl.nn.supernet import Supernet
from dartsl.searching.discretise import derive
from dartsl.searching.image_session import ImageSession
from dartsl.step.batches import ImageBatch

from .mapping import assert_equal, randomise, renamed, spec_text, twin
from .naive import derive as rules
from .naive import penalties
from .naive.bilevel import Search
from .naive.networks import Network
from .naive.operations import DARTS
from .naive.relaxations import Dirichlet, Drawn, Gumbel, Noise, Sigmoid, linear
from .test_search import CONFIG, SIZE, data, picks, settings, sides

EPOCHS = 3
FIRST, LAST = 4.0, 0.5
NETWORKS: dict[str, type[Network]] = {
    "softmax": Network,
    "gumbel": Gumbel,
    "sigmoid": Sigmoid,
    "dirichlet": Dirichlet,
}
CASES = [
    ("softmax", "1", "weights", False, 2),
    ("gumbel", "2", "alphas", False, 2),
    ("sigmoid", "1", "alphas", False, 2),
    ("dirichlet", "1", "alphas", False, 2),
    ("dirichlet", "1", "alphas", True, 2),
]
REST = [  # each relaxation with each order, and at both levels
    ("softmax", "2", "weights", False, 0),
    ("gumbel", "1", "alphas", False, 0),
    ("gumbel", "exact", "alphas", False, 2),
    ("sigmoid", "2", "alphas", False, 0),
    ("sigmoid", "exact", "alphas", False, 2),
    ("dirichlet", "2", "alphas", False, 0),
    ("dirichlet", "exact", "alphas", False, 2),
    ("dirichlet", "2", "alphas", True, 0),
]
SLOW = [pytest.param(*each, marks=pytest.mark.slow) for each in REST]


def drawn(name: str, model: Supernet, step: int, kind: Any) -> Noise:
    """The Gumbel noise of a step's batch, by cell; for Dirichlet distributions the seeds, as tensors."""
    if name == "dirichlet":
        seeds = {
            table.name: stream_seed(model.seed, step, kind, f"alphas.{table.name}") for table in model.tables
        }
        return {table: torch.tensor(seed) for table, seed in seeds.items()}
    return {
        table.name: Draws(model.seed).gumbel(
            Pass(step, kind),
            f"alphas.{table.name}",
            tuple(model.alpha(table.name).shape),
            model.alpha(table.name),
        )
        for table in model.tables
    }


@pytest.mark.parametrize(
    ("name", "order", "first", "penalised", "level"),
    [*CASES, *SLOW],
)
def test_search_steps(
    name: str, order: str, first: str, penalised: bool, level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name](2, 5, nodes=2).double()
    randomise(network, seed=1)
    model = twin(network, spec_text("darts_cnn", SIZE, 2), {"C": 2, "n": 1}, level, name)
    oracle = Search(network, dataclasses.replace(settings(order), weights_first=first == "weights"))
    config = dataclasses.replace(
        CONFIG,
        order=order,
        epochs=EPOCHS,
        relaxation=name,
        temperature=Schedule(FIRST, LAST, "linear"),
        steps_first=first,
    )
    if penalised:  # its weight is far above the default, so that it is seen
        config = dataclasses.replace(config, penalty=("kl",), kl_weight=0.5, alphas_decay=0.0)
        oracle.settings = dataclasses.replace(oracle.settings, alphas_decay=0.0)
        oracle.penalty = lambda alphas: penalties.kl([row for rows in alphas.values() for row in rows], 0.5)
    session = ImageSession(model, config, data(8))
    seen: list[ImageBatch] = []
    make = session._batch

    def recorded(indices: Any) -> ImageBatch:
        seen.append(make(indices))
        return seen[-1]

    monkeypatch.setattr(session, "_batch", recorded)
    for epoch in range(EPOCHS):
        session.begin_epoch()
        xi = 0.05 + 0.5 * (0.2 - 0.05) * (1 + math.cos(math.pi * epoch / EPOCHS))
        for indices in session.batches:
            seen.clear()
            number = session.number
            session.take_step(indices)
            if isinstance(network, Drawn):
                network.temperature = linear(FIRST, LAST, epoch, EPOCHS)
                network.batches = tuple(
                    (batch[0], drawn(name, model, number, kind))
                    for batch, kind in zip(seen, KINDS, strict=True)
                )
            oracle.step(*seen, xi)
            assert_equal(model.state_dict(), renamed(network, network.state_dict()))
        end = session.end_epoch()
        if name == "gumbel":
            assert end.history["schedules"] == {"temperature": pytest.approx(network.temperature)}
    for cell in model.plan.cells():
        alphas = network.alphas[cell.name].detach()
        weights = torch.sigmoid(alphas) if name == "sigmoid" else torch.softmax(alphas, dim=1)
        read = session.readings()[cell.name].weights
        assert read == [pytest.approx(row, rel=1e-10) for row in weights.tolist()]
        torch.testing.assert_close(model.expected_weights()[cell.name].detach(), weights, rtol=1e-10, atol=0)
        wanted = rules.keep_strongest(read, DARTS, inputs=2, nodes=2, keep=2)
        assert picks(derive(cell, read), 0) == wanted


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"relaxation": "dirichlet"}, "takes the place of the alphas' decay, which is 0.001"),
        ({"alphas_decay": 0.0}, "is of Dirichlet distributions, and the relaxation `softmax` has none"),
    ],
)
def test_kl_on_top_of_the_decay_is_refused(changes: dict[str, Any], message: str) -> None:
    _, model = sides("1", nodes=1)
    with pytest.raises(UserError, match=message):
        ImageSession(model, dataclasses.replace(CONFIG, penalty=("kl",), **changes), data(8))
