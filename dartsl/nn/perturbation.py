"""Mixing weights that are perturbed in the weights' step (SDARTS, Chen and Hsieh, arXiv 2002.05283, section 3.2).

A row is what the alphas give, plus a draw for each candidate, brought back to the simplex as the authors' code does.
Alphas, their step, evaluation and what is recorded stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dartsl.nn.passing import Pass
from dartsl.nn.relaxations import Architecture, Relaxation


def with_perturbation(relaxation: Relaxation) -> Relaxation:
    """A relaxation whose mixing weights are perturbed in passes that have an epsilon."""
    return replace(relaxation, weights=_Perturbed(relaxation).weights)


@dataclass(frozen=True)
class _Perturbed:
    """A method, and no closure, so that a network can be pickled."""

    relaxation: Relaxation

    def weights(self, architecture: Architecture, pass_: Pass) -> Tensor:
        """(rows, columns)"""
        return perturbed(self.relaxation.weights(architecture, pass_), architecture, pass_)


def perturbed(weights: Tensor, architecture: Architecture, pass_: Pass) -> Tensor:
    """Mixing weights w + U(-epsilon, epsilon) in a pass, cut to [0, 1] and divided by their sum, (rows, columns).

    `epsilon` is that of the pass; 0 gives them as they are. A row of which nothing is left has 1 where it was largest.
    """
    epsilon = pass_.scheduled.epsilon
    if epsilon == 0:
        return weights
    path = f"perturb.{architecture.table.name}"
    drawn = architecture.draws.even(pass_, path, tuple(weights.shape), weights)
    moved = (weights + epsilon * drawn).clamp(0, 1)  # (rows, columns)
    if architecture.spare is not None:
        moved = moved.masked_fill(architecture.spare, 0.0)
    sums = moved.sum(dim=-1, keepdim=True)  # (rows, 1)
    best = torch.nn.functional.one_hot(weights.argmax(dim=-1), weights.shape[-1]).to(moved.dtype)
    return torch.where(sums > 0, moved / torch.where(sums > 0, sums, 1.0), best)
