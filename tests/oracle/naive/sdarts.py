"""SDARTS (Chen and Hsieh, arXiv 2002.05283): mixing weights perturbed in the weights' step."""

from __future__ import annotations

import copy

import torch

from .bilevel import Batch, Search, loss_of
from .networks import Network

Tables = dict[str, torch.Tensor]  # by cell


class SmoothedNetwork(Network):
    """The search network of DARTS; `given` by cell are mixing weights in the place of the softmax."""

    given: Tables | None = None

    def mixing(self, kind: str, images: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.alphas[kind], dim=1) if self.given is None else self.given[kind]

    def softmaxes(self) -> Tables:
        return {kind: torch.softmax(table.detach(), dim=1) for kind, table in self.alphas.items()}


def clipped(table: torch.Tensor) -> torch.Tensor:
    """The authors' `clip`: to [0, 1], and each row divided by its sum; of a row of zeros its former argmax gets 1."""
    rows = []
    for row in table:
        cut = [min(max(float(value), 0.0), 1.0) for value in row]
        if sum(cut) == 0:
            cut[int(row.argmax())] = 1.0
        rows.append([value / sum(cut) for value in cut])
    return torch.tensor(rows, dtype=table.dtype)


class SmoothedSearch(Search):
    """Its steps: the alphas' as ever, the weights' with `drawn`, epsilon times U(-1, 1), added to mixing weights."""

    drawn: Tables
    epsilon: float

    def weight_step(self, train: Batch, xi: float) -> float:
        self.model.given = self.perturbed(train)
        found = super().weight_step(train, xi)
        self.model.given = None
        return found

    def perturbed(self, train: Batch) -> Tables:
        return {kind: clipped(table + self.drawn[kind]) for kind, table in self.model.softmaxes().items()}


class AdversarialSearch(SmoothedSearch):
    """SDARTS-ADV: from there steps up the sign of the training loss's gradient, the network in evaluation mode.

    `kept` counts the steps in which what was found was kept, and in which it was not.
    """

    ascents = 7

    def __post_init__(self) -> None:
        super().__post_init__()
        self.kept = {True: 0, False: 0}

    def perturbed(self, train: Batch) -> Tables:
        start = self.model.softmaxes()
        now = super().perturbed(train)
        before = float(self.loss_at(train, start).detach())
        for _ in range(self.ascents):
            leaves = {kind: table.clone().requires_grad_() for kind, table in now.items()}
            slopes = torch.autograd.grad(self.loss_at(train, leaves), list(leaves.values()))
            for (kind, table), slope in zip(list(now.items()), slopes, strict=True):
                moved = table + 2 * self.epsilon / self.ascents * torch.sign(slope)
                low, high = start[kind] - self.epsilon, start[kind] + self.epsilon
                now[kind] = clipped(torch.minimum(torch.maximum(moved, low), high))
        kept = not before > float(self.loss_at(train, now).detach())
        self.kept[kept] += 1
        return now if kept else start

    def loss_at(self, train: Batch, tables: Tables) -> torch.Tensor:
        model = copy.deepcopy(self.model).eval()
        model.given = tables
        return loss_of(model, train)
