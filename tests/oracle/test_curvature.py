"""The largest eigenvalue of the Hessian in the alphas, after an epoch of a search, against all eigenvalues of a dense
one by double backward: float64, the draws given."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from dartsl import compile
from dartsl.lang.settings.schedules import Schedule
from dartsl.nn.draws import Draws
from dartsl.nn.passing import Pass
from dartsl.nn.supernet import Supernet
from dartsl.searching.curvature import largest_eigenvalue
from dartsl.searching.image_session import ImageSession
from dartsl.searching.session import SearchSession
from dartsl.searching.text_session import TextSession
from dartsl.step.batches import ImageBatch, TextBatch

from .mapping import checked, dartsl_name, randomise, renamed, spec_text
from .naive.bilevel import loss_of
from .naive.curvature import top_eigenvalue
from .naive.networks import Network, alphas_of
from .naive.pc_darts import WeightedNetwork
from .naive.recurrent import loss_of as loss_of_text
from .naive.recurrent import text_alphas
from .naive.relaxations import Drawn, Gumbel, Sigmoid
from .test_search import CONFIG, SIZE, data
from .test_search_text import BATCH, corpus, oracle_of
from .test_search_text import CONFIG as TEXT
from .text_mapping import drawn_masks, parameters_of, renamed_text, text_twin

DECAY = 0.02
TOLERANCE = 1e-9
TEMPERATURE = 2.0
NODES = 1
CASES: dict[str, tuple[type[Network], dict[str, Any]]] = {
    "softmax": (Network, {"penalty": ("entropy",), "entropy_weight": 3.0}),
    "sigmoid": (Sigmoid, {"relaxation": "sigmoid"}),
    "gumbel": (Gumbel, {"relaxation": "gumbel", "temperature": Schedule(TEMPERATURE, TEMPERATURE, "linear")}),
    "edge weights": (WeightedNetwork, {"edge_weights": True}),
}


def last_batch(session: SearchSession[Any]) -> Any:
    """Take the steps of an epoch; the validation batch of the last one."""
    real, seen = session.draw, []

    def draw(place: Any) -> Any:
        seen.append(real(place))
        return seen[-1]

    vars(session)["draw"] = draw
    session.begin_epoch()
    for place in session.batches:
        assert session.curvature.value is None
        session.take_step(place)
    return seen[-1][1]


def gumbel_noise(model: Supernet, step: int) -> dict[str, torch.Tensor]:
    return {
        name: Draws(model.seed).gumbel(
            Pass(step, "validation"), f"alphas.{name}", tuple(alpha.shape), alpha.detach()
        )
        for name, alpha in model.alphas.items()
    }


@pytest.mark.parametrize(
    ("case", "level"),
    [
        ("softmax", 2),
        *(pytest.param(case, 0, marks=pytest.mark.slow) for case in CASES),
        *(pytest.param(case, 2, marks=pytest.mark.slow) for case in CASES if case == "gumbel"),
    ],
)
def test_of_images(case: str, level: int) -> None:
    """On the last validation batch with its draws, at the weights after the last step; penalties are left out."""
    kind, changes = CASES[case]
    torch.manual_seed(0)
    naive = kind(2, 5, nodes=NODES).double()
    randomise(naive, seed=1)
    built = {name: changes[name] for name in ("relaxation", "edge_weights") if name in changes}
    text = checked(spec_text("darts_cnn", SIZE, NODES))
    model = compile(text, None, {"C": 2, "n": 1}, level=level, dtype="float64", **built)
    model.load_state_dict(renamed(naive, naive.state_dict()), strict=True)
    config = dataclasses.replace(CONFIG, epochs=1, curvature=1, alphas_decay=DECAY, **changes)
    session = ImageSession(model, config, data(4))
    batch: ImageBatch = last_batch(session)
    state = model.state_dict()
    naive.load_state_dict({name: state[dartsl_name(name)] for name in naive.state_dict()}, strict=True)
    if isinstance(naive, Drawn):
        naive.temperature = TEMPERATURE
        naive.batches = ((batch.images, gumbel_noise(model, session.number - 1)),)
    loss = loss_of(naive, (batch.images, batch.labels))
    wanted = top_eigenvalue(loss, list(alphas_of(naive).values()), DECAY)
    before = {name: value.clone() for name, value in state.items()}
    row = session.end_epoch().history
    assert row["curvature"] == pytest.approx(wanted, rel=TOLERANCE)
    assert wanted > 2 * DECAY
    assert set(row["skips"]) == {"normal", "reduction"}
    assert session.curvature.value is None
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("level", [0, 2])
def test_of_text(level: int) -> None:
    """On the last validation window, its masks and the state it starts from."""
    naive = oracle_of(nodes=2)
    model = text_twin(naive, level)
    session = TextSession(model, dataclasses.replace(TEXT, curvature=1, alphas_decay=DECAY), corpus())
    batch: TextBatch = last_batch(session)
    found = parameters_of(model)
    with torch.no_grad():
        for name, value in naive.named_parameters():
            own = [found[theirs] for theirs in renamed_text({name: value})]
            value.copy_(own[0] if len(own) == 1 else torch.cat([own[1].T, own[0].T], dim=1))
    assert batch.carries is not None
    masks = drawn_masks(model, session.number - 1, "validation", BATCH)
    loss = loss_of_text(naive(batch.tokens, batch.carries[0], masks), batch.targets)
    wanted = top_eigenvalue(loss, list(text_alphas(naive).values()), DECAY)
    row = session.end_epoch().history
    assert row["curvature"] == pytest.approx(wanted, rel=TOLERANCE)
    assert wanted > DECAY


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_the_largest_is_meant_not_the_largest_absolute_one(size: int) -> None:
    generator = torch.Generator().manual_seed(size)
    half = torch.randn(size, size, generator=generator, dtype=torch.float64)
    matrix = half + half.T - 3 * size * torch.eye(size, dtype=torch.float64)  # all are negative
    wanted = torch.linalg.eigvalsh(matrix)
    calls = []

    def product(vector: torch.Tensor) -> torch.Tensor:
        calls.append(vector)
        return matrix @ vector

    start = torch.randn(size, generator=generator, dtype=torch.float64)
    assert largest_eigenvalue(product, start, 1e-8) == pytest.approx(float(wanted[-1]), rel=1e-12)
    assert wanted.abs().argmax() == 0
    assert len(calls) <= size


def test_what_starts_at_zero_counts_for_nothing() -> None:
    """Spare columns: without them the largest eigenvalue of a negative matrix would be their 0."""
    matrix = torch.diag(torch.tensor([-3.0, 0.0, -1.0, -2.0], dtype=torch.float64))
    start = torch.tensor([1.0, 0.0, 1.0, 1.0], dtype=torch.float64)
    assert largest_eigenvalue(lambda v: matrix @ v, start, 1e-8) == pytest.approx(-1, rel=1e-12)


@pytest.mark.parametrize("scale", [0.0, float("nan"), float("inf")])
def test_nothing_bends_and_nothing_finite(scale: float) -> None:
    start = torch.ones(3, dtype=torch.float64)
    found = largest_eigenvalue(lambda v: scale * v, start, 1e-8)
    assert found == 0 if scale == 0 else found != found
