"""The penalty `cost`: what the found network is expected to cost, against a target.

Source: Cai, Zhu and Han, "ProxylessNAS" (ICLR 2019, arXiv 1812.00332), and the authors' `add#linear`; `hinge` is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from dartsl.graph.budget import Budget, budget
from dartsl.lang.diagnostics import UserError
from dartsl.lang.inputs import Images
from dartsl.lang.methods import COST
from dartsl.lang.settings import SearchConfig
from dartsl.lang.terms import Plan
from dartsl.searching.terms import Moment, Relaxed


@dataclass(frozen=True)
class Cost:
    """weight * (E[cost] - target) / target; with the mode `hinge` 0 where that is below."""

    unit: str
    target: float
    weight: float
    hinge: bool
    tables: dict[tuple[torch.device, torch.dtype], list[Tensor]] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, config: SearchConfig) -> Cost:
        """That of a search with these settings."""
        return cls(config.cost, config.target, config.cost_weight, config.cost_mode == "hinge")

    def __call__(self, model: Relaxed, moment: Moment) -> Tensor:
        over = self.expected(model) / self.target - 1.0  # ()
        return self.weight * (over.clamp_min(0.0) if self.hinge else over)

    def expected(self, model: Relaxed) -> Tensor:
        """E[cost], (), differentiable in the alphas."""
        weights = model.expected_weights()
        like = next(iter(weights.values()))
        place = (like.device, like.dtype)
        if place not in self.tables:  # once, since nothing may be copied to a GPU while a step is captured
            self.tables[place] = _tensors(budget(model.plan, self.unit), list(weights), like)
        fixed, *costs = self.tables[place]
        parts = [(each * cost).sum() for each, cost in zip(weights.values(), costs, strict=True)]
        return torch.stack(parts).sum() + fixed


def _tensors(costs: Budget, names: Sequence[str], like: Tensor) -> list[Tensor]:
    """The fixed cost, (), and the costs of each table, (rows, columns), 0 in spare columns."""
    fixed = costs.fixed + sum(each.fixed() for each in costs.cells)
    tables = {each.table: each.searched() for each in costs.cells}
    return [like.new_tensor(fixed), *(like.new_tensor(_padded(tables[name])) for name in names)]


def _padded(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    longest = max(map(len, rows))
    return [[*row, *[0.0] * (longest - len(row))] for row in rows]


def require_target(config: SearchConfig, plan: Plan) -> None:
    """Refuse a penalty `cost` without a target, or for what is not a network of images. Raises UserError."""
    if COST not in config.penalty:
        return
    if not issubclass(plan.network.takes, Images):
        raise UserError("the penalty `cost` is for networks of images, and this one is of text")
    if not config.target:
        low, high = budget(plan, config.cost).span()
        raise UserError(
            "the penalty `cost` needs a target",
            f"such as --target {(low + high) // 2}: networks of this space have {low:,} to {high:,} "
            f"{config.cost.replace('_', '-')}",
        )
