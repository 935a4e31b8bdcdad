"""Stages of a search (P-DARTS, Chen et al., arXiv 1904.12760; DrNAS, Chen et al., arXiv 2006.10355): candidates that
were dropped are masked, and the weights of the others add up to 1."""

from __future__ import annotations

from typing import Any

import torch

from .bilevel import Search
from .networks import Network

Masks = dict[str, torch.Tensor]  # by cell, (rows, candidates): 1 for those that are left, 0 for others


class MaskedNetwork(Network):
    """The search network, whose mixing weights are those of the candidates that are left."""

    masks: Masks

    def mixing(self, kind: str, images: torch.Tensor) -> torch.Tensor:
        powers = torch.exp(self.alphas[kind]) * self.masks[kind]
        return powers / powers.sum(dim=1, keepdim=True)


class StagedSearch(Search):
    """A search whose alphas rest at the beginning of each stage."""

    rests = False

    def alpha_step(self, train: Any, validation: Any, xi: float) -> None:
        if not self.rests:
            super().alpha_step(train, validation, xi)


def without_the_weakest(model: MaskedNetwork, keep: int) -> Masks:
    """The masks after a stage: the candidate of the least alpha goes, the later of equal ones, until few are left."""
    found: Masks = {}
    for kind, table in model.alphas.items():
        mask = model.masks[kind].clone()
        for row, alphas in enumerate(table.tolist()):
            while int(mask[row].sum()) > keep:
                left = [column for column in range(len(alphas)) if mask[row, column]]
                least = min(alphas[column] for column in left)
                mask[row, max(column for column in left if alphas[column] == least)] = 0
        found[kind] = mask
    return found
