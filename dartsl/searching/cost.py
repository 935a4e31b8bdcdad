"""The penalty `cost`: what the found network is expected to cost, against a target.

Source: Cai, Zhu and Han, "ProxylessNAS" (ICLR 2019, arXiv 1812.00332), and the authors' code: their `add#linear` and
`mul#log`; `hinge` is ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from dartsl.graph.budget import Budget, Prices, amounts, budget
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.terms import Plan
from dartsl.lang.records.inputs import Tokens
from dartsl.lang.settings.methods import COST
from dartsl.lang.settings.values import SearchConfig
from dartsl.searching.prices import pricing
from dartsl.searching.terms import Factor, Moment, Relaxed

MULTIPLY, HINGE = "mul", "hinge"


@dataclass(frozen=True)
class Expected:
    """E[cost], (), differentiable in the alphas, at some prices of a network."""

    prices: Callable[[Plan], Prices]
    tables: dict[tuple[torch.device, torch.dtype], list[Tensor]] = field(default_factory=dict, compare=False)

    def __call__(self, model: Relaxed) -> Tensor:
        weights = model.expected_weights()
        like = next(iter(weights.values()))
        place = (like.device, like.dtype)
        if place not in self.tables:  # once, since nothing may be copied to a GPU while a step is captured
            self.tables[place] = _tensors(budget(model.plan, self.prices(model.plan)), list(weights), like)
        fixed, *tables = self.tables[place]
        costs, meetings = tables[: len(weights)], tables[len(weights) :]
        parts = [
            (each * _staying(each, meeting) * cost).sum()
            for each, cost, meeting in zip(weights.values(), costs, meetings, strict=True)
        ]
        return torch.stack(parts).sum() + fixed


@dataclass(frozen=True)
class Cost:
    """weight * (E[cost] - target) / target; with the mode `hinge` 0 where that is below."""

    expected: Expected
    target: float
    weight: float
    hinge: bool

    def __call__(self, model: Relaxed, moment: Moment) -> Tensor:
        over = self.expected(model) / self.target - 1.0  # ()
        return self.weight * (over.clamp_min(0.0) if self.hinge else over)


@dataclass(frozen=True)
class CostFactor(Factor):
    """factor * (log E[cost] / log target)^exponent, which multiplies the validation loss."""

    expected: Expected
    target: float
    factor: float
    exponent: float

    def __call__(self, model: Relaxed, moment: Moment) -> Tensor:
        return self.factor * (self.expected(model).log() / math.log(self.target)).pow(self.exponent)


def cost_term(config: SearchConfig) -> Cost | CostFactor:
    """The penalty of a search with these settings."""
    expected = Expected(pricing(config.cost))
    if config.cost_mode == MULTIPLY:
        return CostFactor(expected, config.target, config.cost_factor, config.cost_exponent)
    return Cost(expected, config.target, config.cost_weight, config.cost_mode == HINGE)


def _tensors(costs: Budget, names: Sequence[str], like: Tensor) -> list[Tensor]:
    """The fixed cost, (), the costs of each table, (rows, columns), 0 in spare columns, and which of its edges lead to
    one node, (rows, rows)."""
    fixed = costs.fixed + sum(each.fixed() for each in costs.cells)
    cells = {each.table: each for each in costs.cells}
    tables = [_padded(cells[name].searched()) for name in names]
    return [like.new_tensor(each) for each in (fixed, *tables, *(cells[name].meeting() for name in names))]


def _staying(weights: Tensor, meeting: Tensor) -> Tensor:
    """Of each edge, (rows, 1), the edges into its node divided by those of them that have a weight at all: others were
    left out (`projection.py`), and the costs take all of them as equally likely to stay."""
    there = (weights.detach() > 0).any(1).to(meeting.dtype)  # (rows,)
    return (meeting.sum(1) / (meeting @ there).clamp_min(1.0)).unsqueeze(1)


def _padded(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    longest = max(map(len, rows))
    return [[*row, *[0.0] * (longest - len(row))] for row in rows]


def require_target(config: SearchConfig, plan: Plan) -> None:
    """Refuse a penalty `cost` without a target, or for what is not a network of images. Raises UserError."""
    if COST not in config.penalty:
        return
    if plan.network.takes is Tokens:
        raise UserError(
            "the penalty `cost` is for networks of images, series or vectors, and this one is of text"
        )
    prices = pricing(config.cost)(plan)
    low, high = budget(plan, prices).span()
    if not config.target:
        middle = (low + high) / 2
        example = f"{middle:.0f}" if middle >= 1000 else f"{middle:.3g}"
        raise UserError(
            "the penalty `cost` needs a target",
            f"such as --target {example}: networks of this space have {amounts(prices.unit, low, high)}",
        )
    if config.cost_mode == MULTIPLY and min(config.target, low) <= 1:
        raise UserError(
            f"`cost_mode = {MULTIPLY}` compares logarithms: the target, which is {config.target:g}, and what the "
            f"cheapest network costs, {amounts(prices.unit, low)}, are to be above 1",
            help="take another target, or --cost-mode add",
        )
