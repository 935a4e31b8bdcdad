"""Search networks whose mixing weights are drawn: what is drawn is given, one draw for all passes over a batch."""

from __future__ import annotations

import torch

from .networks import Network

Noise = dict[str, torch.Tensor]  # by cell


class Drawn(Network):
    """The noise of a step goes with its batches: whatever pass sees the images of one, sees its draw."""

    batches: tuple[tuple[torch.Tensor, Noise], ...] = ()
    temperature = 1.0

    def noise(self, kind: str, images: torch.Tensor) -> torch.Tensor:
        (found,) = (noise for seen, noise in self.batches if torch.equal(seen, images))
        return found[kind]


class Gumbel(Drawn):
    """w = softmax((alpha + g) / tau) (arXiv 1812.09926, equation 6)."""

    def mixing(self, kind: str, images: torch.Tensor) -> torch.Tensor:
        powers = torch.exp((self.alphas[kind] + self.noise(kind, images)) / self.temperature)
        return powers / powers.sum(dim=1, keepdim=True)


class Sigmoid(Network):
    """w = sigmoid(alpha) (arXiv 1911.12126)."""

    def mixing(self, kind: str, images: torch.Tensor) -> torch.Tensor:
        return 1 / (1 + torch.exp(-self.alphas[kind]))


def linear(first: float, last: float, epoch: int, epochs: int) -> float:
    """`first` in epoch 0, `last` in epoch `epochs - 1`."""
    return first + (last - first) * epoch / (epochs - 1)
