"""Search networks whose mixing weights are drawn: what is drawn is given, one draw for all passes over a batch."""

from __future__ import annotations

from typing import Any

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


class _Draw(torch.autograd.Function):
    """x ~ Dir(c) from a seed, with torch's pathwise derivative (arXiv 1806.01851)."""

    @staticmethod
    def forward(concentration: torch.Tensor, seed: int) -> torch.Tensor:
        return torch._sample_dirichlet(concentration, torch.Generator().manual_seed(seed))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[torch.Tensor, int], output: torch.Tensor) -> None:
        ctx.save_for_backward(inputs[0].detach(), output.detach())

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[torch.Tensor, None]:
        concentration, x = ctx.saved_tensors
        total = concentration.sum(dim=1, keepdim=True).expand_as(concentration)
        along = torch._dirichlet_grad(x, concentration, total)
        return along * (slope - (x * slope).sum(dim=1, keepdim=True)), None


class Dirichlet(Drawn):
    """w ~ Dir(elu(alpha) + 1) (arXiv 2006.10355); what is given of a draw is its seed."""

    def mixing(self, kind: str, images: torch.Tensor) -> torch.Tensor:
        alphas = self.alphas[kind]
        concentration = torch.where(alphas > 0, alphas, torch.exp(alphas) - 1) + 1
        return _Draw.apply(concentration, int(self.noise(kind, images)))


class Sigmoid(Network):
    """w = sigmoid(alpha) (arXiv 1911.12126)."""

    def mixing(self, kind: str, images: torch.Tensor) -> torch.Tensor:
        return 1 / (1 + torch.exp(-self.alphas[kind]))


def linear(first: float, last: float, epoch: int, epochs: int) -> float:
    """`first` in epoch 0, `last` in epoch `epochs - 1`."""
    return first + (last - first) * epoch / (epochs - 1)
