"""GDAS (Dong and Yang, arXiv 1910.04465): one operation an edge, drawn by Gumbel noise, with a straight-through
gradient."""

from __future__ import annotations

import torch

from .networks import MixedOp
from .operations import Zero
from .relaxations import Drawn


class ChosenOp(MixedOp):
    """Of the candidates the one whose weight is the largest, times that weight; the others are not computed."""

    def forward(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        chosen = int(weights.detach().argmax())
        op = list(self.ops.values())[chosen]
        return weights[chosen] * op(x.detach() if isinstance(op, Zero) else x)  # zeros depend on nothing


class GumbelHard(Drawn):
    """h = onehot(argmax p) - p' + p with p = softmax((log softmax(alpha) + g) / tau), p' a constant (equation 7)."""

    def mixing(self, kind: str, images: torch.Tensor) -> torch.Tensor:
        powers = torch.exp(self.alphas[kind])
        likely = torch.log(powers / powers.sum(dim=1, keepdim=True))
        powers = torch.exp((likely + self.noise(kind, images)) / self.temperature)
        p = powers / powers.sum(dim=1, keepdim=True)
        hard = torch.zeros_like(p)
        for row, values in enumerate(p.tolist()):
            hard[row, values.index(max(values))] = 1.0
        return hard - p.detach() + p


def one_operation(network: GumbelHard) -> GumbelHard:
    """The network with one operation an edge."""
    for module in network.modules():
        if isinstance(module, MixedOp):
            module.__class__ = ChosenOp
    return network
