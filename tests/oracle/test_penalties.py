"""dartsl's penalties against the oracle's, float64: in whole steps over several epochs, and on ragged tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial

import pytest
import torch

import dartsl
from dartsl.lang.codes.source import Source
from dartsl.lang.settings.values import SearchConfig
from dartsl.searching.image_session import ImageSession
from dartsl.searching.step import SearchStep
from dartsl.searching.terms import TERMS, Moment

from .following import EACH_ORDER, follow
from .mapping import TOLERANCE
from .naive import penalties
from .naive.networks import alphas_of
from .test_search import CONFIG, data, sides

EPOCHS = 3
CONFIGURED = dataclasses.replace(CONFIG, epochs=EPOCHS, alphas_lr=0.05)
RAGGED = """darts 1

cell one {
  input  a, b : relu > conv(1) > bn
  node   n, m : sum keep 1
  edge   all -> n : none | identity | relu > conv(3) > bn
  edge   a, n -> m : identity | relu > conv(1) > bn
  edge   b -> m : none | identity | relu > conv(1) > bn | max_pool(3)
  output concat(n, m)
}

cell two {
  input  a : relu > conv(1) > bn
  node   n : sum keep 1
  edge   a -> n : identity | relu > conv(3) > bn
  output n
}

network small(C = 2) {
  input image(1, 8, 8)
  stem  conv(3) > bn
  stage one > two  width C
  head  global_avg_pool > linear(10)
}
"""

Alphas = Mapping[str, torch.Tensor]
Naive = Callable[[Alphas, int], torch.Tensor]


def rows(tables: Alphas) -> list[torch.Tensor]:
    return [row for table in tables.values() for row in table]


def softmaxed(tables: Alphas) -> list[torch.Tensor]:
    return [torch.exp(row) / torch.exp(row).sum() for row in rows(tables)]


NAIVE: Mapping[str, Naive] = {
    "beta_decay": lambda alphas, epoch: penalties.beta_decay(rows(alphas), epoch, EPOCHS),
    "zero_one": lambda alphas, epoch: penalties.zero_one(softmaxed(alphas)),
    "entropy": lambda alphas, epoch: penalties.entropy(softmaxed(alphas)),
}


def searched(order: str, level: int, names: tuple[str, ...]) -> None:
    """Both sides through all epochs, a step each; the history has the penalties' values."""
    oracle, model = sides(order, nodes=1, level=level)
    wanted: list[dict[str, float]] = []

    def begin(epoch: int) -> None:
        def each(alphas: Alphas) -> dict[str, torch.Tensor]:
            return {name: NAIVE[name](alphas, epoch) for name in names}

        wanted.append({name: float(value.detach()) for name, value in each(alphas_of(oracle.model)).items()})
        oracle.penalty = lambda alphas: sum(each(alphas).values(), torch.zeros(()))

    config = dataclasses.replace(CONFIGURED, order=order, penalty=names)
    rows = follow(oracle, ImageSession(model, config, data(8)), begin=begin)
    assert [row["penalties"] for row in rows] == [pytest.approx(values, rel=TOLERANCE) for values in wanted]


@pytest.mark.parametrize(("order", "level"), EACH_ORDER)
def test_steps_with_all_penalties(order: str, level: int) -> None:
    searched(order, level, tuple(NAIVE))


@pytest.mark.parametrize("order", ["2", "exact"])
def test_a_penalty_that_the_second_order_forgets_is_caught(
    order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the released code of beta-DARTS does."""

    def forgotten(step: SearchStep, gradient: object, moment: Moment) -> dict[str, torch.Tensor]:
        return {name: term(step.model, moment).detach() for name, term in step.method.terms.items()}

    monkeypatch.setattr(SearchStep, "add_terms", forgotten)
    with pytest.raises(AssertionError, match="off by"):
        searched(order, 0, ("beta_decay",))


@pytest.mark.parametrize("name", [*NAIVE, "kl"])
def test_spare_columns_count_for_nothing(name: str) -> None:
    """Of tables whose rows differ in length: means are over all rows, or all entries, of all tables."""
    model = dartsl.compile(dartsl.check(Source("ragged.darts", RAGGED)), dtype="float64")
    generator = torch.Generator().manual_seed(3)
    every: list[torch.Tensor] = []
    for table in model.tables:
        alpha = model.alpha(table.name)
        with torch.no_grad():
            alpha.copy_(torch.randn(alpha.shape, generator=generator, dtype=torch.float64))
        for row, size in zip(alpha.detach(), table.sizes, strict=True):
            every.append(row[:size].clone().requires_grad_())
    of = {
        "beta_decay": partial(penalties.beta_decay, epoch=2, epochs=EPOCHS),
        "zero_one": penalties.zero_one,
        "entropy": penalties.entropy,
        "kl": penalties.kl,
    }[name]
    assert sorted({len(row) for row in every}) == [2, 3, 4]
    given = (
        every if name in ("beta_decay", "kl") else [torch.exp(row) / torch.exp(row).sum() for row in every]
    )
    wanted = of(given)
    found = TERMS.of(name)(SearchConfig())(model, Moment(2, EPOCHS))
    assert float(found.detach()) == pytest.approx(float(wanted.detach()), rel=TOLERANCE)
    slopes = torch.autograd.grad(found, model.alpha_parameters())
    expected = iter(torch.autograd.grad(wanted, every))
    for table, slope in zip(model.tables, slopes, strict=True):
        for row, size in zip(slope, table.sizes, strict=True):
            torch.testing.assert_close(row[:size], next(expected), rtol=TOLERANCE, atol=1e-14)
            assert row[size:].abs().sum() == 0
