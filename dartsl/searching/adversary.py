"""The mixing weights within epsilon of those of the alphas that hurt the training loss most, or nearly so.

Source: Chen and Hsieh (SDARTS-ADV, arXiv 2002.05283, section 3.2), and the authors' code: steps up the sign of the
gradient from a random start, with the network in evaluation mode, where running statistics normalise and nothing is
dropped. What was found is kept unless the loss is lower there than without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from dartsl.nn.passing import Pass
from dartsl.nn.perturbation import ascended, perturbed
from dartsl.nn.relaxations import RELAXATIONS
from dartsl.nn.supernet import Supernet
from dartsl.step.autograd import constant, slopes
from dartsl.step.batches import Batch
from dartsl.step.gradients import evaluated, passed_over

Weights = dict[str, Tensor]  # mixing weights by table, (rows, columns)


def hardest(model: Supernet, batch: Batch, pass_: Pass, steps: int) -> Mapping[str, Tensor]:
    """Mixing weights by table, (rows, columns), for a pass over a training batch that has an epsilon.

    `steps` gradients are taken, and two losses besides; nothing changes. Where processes share the batch, losses and
    gradients are those of the whole batch.
    """
    epsilon, calm = pass_.scheduled.epsilon, replace(pass_, frozen=True, scheduled=pass_.scheduled.calm)
    architectures = {each.table.name: each for each in model.architectures()}
    relaxation = RELAXATIONS.of(model.build.relaxation)
    with torch.no_grad():
        weights = {name: relaxation.weights(each, calm) for name, each in architectures.items()}
        now = {name: perturbed(weights[name], each, pass_) for name, each in architectures.items()}
    with evaluated(model), constant(model.parameters()):
        before = _loss(model, batch, replace(calm, perturbed=weights))
        for _ in range(steps):
            slope = _slopes(model, batch, calm, now)
            now = {
                name: ascended(
                    now[name], slope[name], weights[name], epsilon, 2 * epsilon / steps, each.spare
                )
                for name, each in architectures.items()
            }
        after = _loss(model, batch, replace(calm, perturbed=now))
    return {name: torch.where(before > after, weights[name], now[name]) for name in now}


@torch.no_grad()
def _loss(model: Supernet, batch: Batch, pass_: Pass) -> Tensor:
    """The loss on the whole batch, ()."""
    return passed_over(model, batch, pass_).outcome().over_all(batch.share).loss


def _slopes(model: Supernet, batch: Batch, pass_: Pass, now: Weights) -> Weights:
    """The gradient of the loss in the mixing weights."""
    leaves = {name: each.detach().requires_grad_() for name, each in now.items()}
    passed = passed_over(model, batch, replace(pass_, perturbed=leaves))
    found = slopes(batch.share.weighed(passed.loss), list(leaves.values()))
    batch.share.sum_(found)
    return dict(zip(leaves, found, strict=True))
