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
class _Table:
    """The costs of a cell as tensors.

    fixed    of edges without a choice, (); `cost` of the others, (rows, columns), 0 in spare columns
    meeting  which of the edges with a choice lead to one node, (rows, rows)
    holder   of one within another cell that one's place, and the row (None: there is no choice), the column and the
             share of the candidate
    """

    table: str
    fixed: Tensor
    cost: Tensor
    meeting: Tensor
    holder: tuple[int, int | None, int, float] | None

    def chance(self, likely: Sequence[Tensor | None], chances: Sequence[Tensor | None]) -> Tensor | None:
        """That the cell is there, (): None for one that is a layer."""
        if self.holder is None:
            return None
        of, row, column, share = self.holder
        above, candidates = chances[of], likely[of]
        own = self.fixed.new_ones(()) if row is None or candidates is None else candidates[row, column]
        return share * (own if above is None else above * own)


@dataclass(frozen=True)
class Expected:
    """E[cost], (), differentiable in the alphas, at some prices of a network."""

    prices: Callable[[Plan], Prices]
    tables: dict[tuple[torch.device, torch.dtype], tuple[Tensor, list[_Table]]] = field(
        default_factory=dict, compare=False
    )

    def __call__(self, model: Relaxed) -> Tensor:
        weights = model.expected_weights()
        like = next(iter(weights.values()))
        place = (like.device, like.dtype)
        if place not in self.tables:  # once, since nothing may be copied to a GPU while a step is captured
            self.tables[place] = _tables(budget(model.plan, self.prices(model.plan)), like)
        fixed, tables = self.tables[place]
        parts: list[Tensor] = []
        likely: list[Tensor | None] = []  # of a cell's candidates, (rows, columns)
        chances: list[Tensor | None] = []  # that a cell within another is there, ()
        for each in tables:
            rows = weights.get(each.table)
            likely.append(None if rows is None else rows * _staying(rows, each.meeting))
            chance = each.chance(likely, chances)
            chances.append(chance)
            if chance is not None:
                parts.append(chance * each.fixed)
            if (found := likely[-1]) is not None:
                part = (found * each.cost).sum()
                parts.append(part if chance is None else chance * part)
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


def _tables(costs: Budget, like: Tensor) -> tuple[Tensor, list[_Table]]:
    """What does not depend on alphas, (), and the costs of the cells."""
    fixed = costs.fixed + sum(each.fixed() for each in costs.cells if each.holder is None)
    tables = []
    for each in costs.cells:
        holder = None
        if each.holder is not None:
            number, edge, column = each.holder
            of = costs.cells[number]
            row = sum(before.searched for before in of.cell.edges[:edge])
            holder = (number, row if of.cell.edges[edge].searched else None, column, of.shares[edge])
        tables.append(
            _Table(
                each.table,
                like.new_tensor(each.fixed()),
                like.new_tensor(_padded(each.searched())),
                like.new_tensor(each.meeting()),
                holder,
            )
        )
    return like.new_tensor(fixed), tables


def _staying(weights: Tensor, meeting: Tensor) -> Tensor:
    """Of each edge, (rows, 1), the edges into its node divided by those of them that have a weight at all: others were
    left out (`projection.py`), and the costs take all of them as equally likely to stay."""
    there = (weights.detach() > 0).any(1).to(meeting.dtype)  # (rows,)
    return (meeting.sum(1) / (meeting @ there).clamp_min(1.0)).unsqueeze(1)


def _padded(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    longest = max(map(len, rows), default=0)
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
