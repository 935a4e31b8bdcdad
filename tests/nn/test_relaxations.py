"""Relaxations: where alphas begin, what spare columns weigh, and what nothing is drawn for."""

from __future__ import annotations

import pytest
import torch

from dartsl.graph.build import build
from dartsl.nn.build import Build
from dartsl.nn.dirichlet import draw_rows
from dartsl.nn.passing import Pass, Scheduled
from dartsl.nn.supernet import Supernet
from tests.nn.specs import RAGGED, small
from tests.passes.same import planned_text

NAMES = ("softmax", "sigmoid", "gumbel", "dirichlet")


@pytest.mark.parametrize("name", NAMES)
def test_alphas_begin_where_they_are_asked_to(name: str) -> None:
    planned = planned_text(RAGGED.replace("HEIGHT", "8").replace("WIDTH", "8"))
    normal, zero = (
        Supernet(planned, build(planned), Build(relaxation=name, alphas_start=start))
        for start in ("normal", "zero")
    )
    assert all(0 < float(alpha.detach().abs().max()) < 0.01 for alpha in normal.alpha_parameters())
    assert all(float(alpha.detach().abs().max()) == 0 for alpha in zero.alpha_parameters())
    for table in zero.tables:
        weights = zero.expected_weights()[table.name]
        for row, size in zip(weights, table.sizes, strict=True):
            even = 0.5 if name == "sigmoid" else 1 / size
            torch.testing.assert_close(row[:size], torch.full((size,), even))


@pytest.mark.parametrize("name", NAMES)
def test_spare_columns_weigh_nothing_and_learn_nothing(name: str) -> None:
    model = small(RAGGED, relaxation=name)
    assert any(len(set(table.sizes)) > 1 for table in model.tables)
    for pass_ in (Pass(3), Pass(3, "validation", scheduled=Scheduled(temperature=0.2))):
        for table, (key, weights) in zip(model.tables, model.mixing_weights(pass_).items(), strict=True):
            (slope,) = torch.autograd.grad(weights.square().sum(), model.alpha(key))
            assert slope.isfinite().all()
            for row, found, size in zip(weights, slope, table.sizes, strict=True):
                assert float(row[size:].detach().abs().sum()) == 0
                assert float(found[size:].abs().sum()) == 0
                assert name == "sigmoid" or float(row.sum().detach()) == pytest.approx(1)


def test_dirichlet_draws_have_the_mean_and_the_gradient_of_their_distribution() -> None:
    """Of a short row too: the mean of Dir(c) is c / sum(c), whose derivatives the gradients of many draws have."""
    c = (
        torch.tensor([[0.5, 2.0, 1.5], [3.0, 1.0, 1.0]], dtype=torch.float64)
        .repeat(20_000, 1)
        .requires_grad_()
    )
    x = draw_rows(c, [3, 2] * 20_000, torch.Generator().manual_seed(0))
    whole, short = x[0::2], x[1::2]
    assert float(short[:, 2].detach().abs().max()) == 0
    torch.testing.assert_close(x.sum(dim=1), torch.ones(40_000, dtype=torch.float64))
    torch.testing.assert_close(
        whole.mean(dim=0), torch.tensor([0.125, 0.5, 0.375]).double(), rtol=0, atol=0.01
    )
    torch.testing.assert_close(short.mean(dim=0), torch.tensor([0.75, 0.25, 0.0]).double(), rtol=0, atol=0.01)
    (slope,) = torch.autograd.grad(x[:, 1].sum(), c)
    of_whole = torch.tensor([-0.125, 0.125, -0.125]).double()  # (delta - c_1 / s) / s
    torch.testing.assert_close(slope[0::2].mean(dim=0), of_whole, rtol=0, atol=0.01)
    of_short = torch.tensor([-0.0625, 0.1875, 0.0]).double()
    torch.testing.assert_close(slope[1::2].mean(dim=0), of_short, rtol=0, atol=0.01)


def test_a_draw_goes_with_its_batch_and_temperature() -> None:
    model = small(RAGGED, relaxation="gumbel")

    def drawn(pass_: Pass) -> torch.Tensor:
        return torch.cat([weights.flatten() for weights in model.mixing_weights(pass_).values()]).detach()

    first = drawn(Pass(3))
    assert torch.equal(first, drawn(Pass(3, frozen=True)))
    for other in (Pass(4), Pass(3, "validation"), Pass(3, scheduled=Scheduled(temperature=0.1))):
        assert not torch.equal(first, drawn(other))
    cold = model.mixing_weights(Pass(3, scheduled=Scheduled(temperature=1e-3)))
    for weights, alike in zip(cold.values(), model.mixing_weights(Pass(3)).values(), strict=True):
        torch.testing.assert_close(weights.max(dim=1)[0], torch.ones(len(weights)))  # one candidate a row
        assert torch.equal(weights.argmax(dim=1), alike.argmax(dim=1))
