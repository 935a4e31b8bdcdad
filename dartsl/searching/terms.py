"""Terms: what is added to the validation loss in the alphas' step, functions of the alphas alone.

`TERMS` has them by the names of the setting `penalty`. Sources: beta_decay, Ye et al., "beta-DARTS" (arXiv
2203.01665), equation 12; kl, Chen et al., "DrNAS" (arXiv 2006.10355), and its authors' code; zero_one, Chu et al.,
"Fair DARTS" (arXiv 1911.12126), equation 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import elu

from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.methods import BETA_DECAY, ENTROPY, KL, ZERO_ONE, Implementations
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.relaxations import ALPHAS, Architecture


class Relaxed(Protocol):
    """What a term sees of a supernet."""

    plan: Plan

    def alpha_parameters(self) -> list[nn.Parameter]: ...

    def architectures(self) -> Sequence[Architecture]:
        """The parameters of each table, in order, with what columns are spare."""

    def mixing_weights(self) -> Mapping[str, Tensor]: ...

    def expected_weights(self) -> Mapping[str, Tensor]:
        """The mixing weights of each table, (rows, columns), with nothing drawn: 0 in spare columns."""


@dataclass(frozen=True)
class Moment:
    """When a step is taken: `epoch` (from 0) of `epochs`."""

    epoch: int
    epochs: int


class Term(Protocol):
    """What is added to the validation loss in the alphas' step, a function of the alphas alone, in every order.

    One that is a `Factor` multiplies the loss.
    """

    def __call__(self, model: Relaxed, moment: Moment) -> Tensor:
        """The value, (), differentiable in the alphas."""


class Factor:
    """A term by which the validation loss is multiplied; others are added to the product."""


TERMS = Implementations[Callable[[SearchConfig], Term]]("penalty")


@dataclass(frozen=True)
class BetaDecay:
    """weight * e / E * the mean of logsumexp(row) over the rows of alphas of all tables."""

    weight: float

    def __call__(self, model: Relaxed, moment: Moment) -> Tensor:
        rows = [torch.logsumexp(each.alphas, dim=-1) for each in model.architectures()]  # each (rows,)
        return self.weight * moment.epoch / moment.epochs * torch.cat(rows).mean()


@dataclass(frozen=True)
class ZeroOne:
    """weight * -mean((w - 1/2)^2) over all entries of all tables: the paper's, where w is the sigmoid of an alpha."""

    weight: float

    def __call__(self, model: Relaxed, moment: Moment) -> Tensor:
        return -self.weight * _mean_of_entries(model, lambda weights: (weights - 0.5).square())


@dataclass(frozen=True)
class Kl:
    """weight * KL(Dir(c) / Dir(1)) with c = elu(alpha) + 1, summed over the rows of all tables."""

    weight: float

    def __call__(self, model: Relaxed, moment: Moment) -> Tensor:
        return self.weight * torch.stack([_divergences(each).sum() for each in model.architectures()]).sum()


def _divergences(architecture: Architecture) -> Tensor:
    """Of each row, (rows,); a spare column has c = 1, which adds nothing, and is left out of the sum."""
    c = elu(architecture.parameters[ALPHAS]) + 1  # (rows, columns)
    if architecture.spare is not None:
        c = c.masked_fill(architecture.spare, 1.0)
    sizes = torch.tensor(architecture.table.sizes, dtype=c.dtype, device=c.device)  # (rows,)
    total = c.sum(dim=-1) - (c.shape[-1] - sizes)  # (rows,)
    along = ((c - 1) * (torch.digamma(c) - torch.digamma(total)[:, None])).sum(dim=-1)
    return torch.lgamma(total) - torch.lgamma(sizes) - torch.lgamma(c).sum(dim=-1) + along


@dataclass(frozen=True)
class Entropy:
    """weight * the mean entropy, in nats, of the rows of all tables, each divided by its sum."""

    weight: float

    def __call__(self, model: Relaxed, moment: Moment) -> Tensor:
        rows = [_entropies(weights) for weights in model.expected_weights().values()]  # each (rows,)
        return self.weight * torch.cat(rows).mean()


def _mean_of_entries(model: Relaxed, function: Callable[[Tensor], Tensor]) -> Tensor:
    """The mean of a function of the mixing weights over all tables, spare columns left out, ()."""
    weights = model.expected_weights()
    total, count = [], 0
    for each in model.architectures():
        values = function(weights[each.table.name])  # (rows, columns)
        total.append((values if each.spare is None else values.masked_fill(each.spare, 0.0)).sum())
        count += sum(each.table.sizes)
    return torch.stack(total).sum() / count


def _entropies(weights: Tensor) -> Tensor:
    """Of each row of (rows, columns), (rows,). A weight of 0, such as that of a spare column, adds 0."""
    tiny = torch.finfo(weights.dtype).tiny
    parts = weights / weights.sum(dim=-1, keepdim=True).clamp_min(tiny)  # (rows, columns)
    return -(parts * parts.clamp_min(tiny).log()).sum(dim=-1)


TERMS.provide(BETA_DECAY, lambda config: BetaDecay(config.beta_decay_weight))
TERMS.provide(ZERO_ONE, lambda config: ZeroOne(config.zero_one_weight))
TERMS.provide(KL, lambda config: Kl(config.kl_weight))
TERMS.provide(ENTROPY, lambda config: Entropy(config.entropy_weight))
