"""Mixing weights that are perturbed in the weights' step (SDARTS, Chen and Hsieh, arXiv 2002.05283).

What the alphas give is moved by up to epsilon, at random (section 3.2) or against the loss
(`dartsl.searching.adversary`), and brought back to the simplex as the authors' code does. Alphas, their step,
evaluation and what is recorded stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dartsl.nn.passing import Pass
from dartsl.nn.relaxations import Architecture, Relaxation


def with_perturbation(relaxation: Relaxation) -> Relaxation:
    """A relaxation whose mixing weights are perturbed in passes that have an epsilon, or that have others for them."""
    return replace(relaxation, weights=_Perturbed(relaxation).weights)


@dataclass(frozen=True)
class _Perturbed:
    """A method, and no closure, so that a network can be pickled."""

    relaxation: Relaxation

    def weights(self, architecture: Architecture, pass_: Pass) -> Tensor:
        """(rows, columns)"""
        given = pass_.perturbed.get(architecture.table.name)
        if given is not None:
            return given
        return perturbed(self.relaxation.weights(architecture, pass_), architecture, pass_)


def perturbed(weights: Tensor, architecture: Architecture, pass_: Pass) -> Tensor:
    """Mixing weights w + U(-epsilon, epsilon) in a pass, brought back to the simplex, (rows, columns).

    `epsilon` is that of the pass; 0 gives them as they are.
    """
    epsilon = pass_.scheduled.epsilon
    if epsilon == 0:
        return weights
    path = f"perturb.{architecture.table.name}"
    drawn = architecture.draws.even(pass_, path, tuple(weights.shape), weights)
    return on_simplex(weights + epsilon * drawn, architecture.spare)


def ascended(
    now: Tensor, slope: Tensor, weights: Tensor, epsilon: float, rate: float, spare: Tensor | None
) -> Tensor:
    """Perturbed mixing weights after a step by `rate` up the slope of the loss, by its sign: all (rows, columns).

    No entry goes further than `epsilon` from `weights`, before all come back to the simplex.
    """
    moved = now + rate * slope.sign()
    return on_simplex(weights + (moved - weights).clamp(-epsilon, epsilon), spare)


def on_simplex(moved: Tensor, spare: Tensor | None) -> Tensor:
    """Rows cut to [0, 1] and divided by their sums, (rows, columns); `spare` columns have 0.

    A row of which nothing is left has 1 where it was largest before it was cut.
    """
    if spare is not None:
        moved = moved.masked_fill(spare, -torch.inf)
    cut = moved.clamp(0, 1)  # (rows, columns)
    sums = cut.sum(dim=-1, keepdim=True)  # (rows, 1)
    best = torch.zeros_like(cut).scatter(-1, moved.argmax(dim=-1, keepdim=True), 1.0)  # (rows, columns)
    return torch.where(sums > 0, cut / torch.where(sums > 0, sums, 1.0), best)
