"""Random search with shared weights (Li and Talwalkar, arXiv 1902.07638): one architecture a batch, then the best of
many."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .bilevel import Batch, Search
from .networks import MixedOp, Network

Path = dict[str, list[int]]  # by cell, the operation of each edge; -1: the edge is left out
FINALISTS = 10


class PathOp(MixedOp):
    """The operations whose weight is above 0; an edge that is left out computes nothing."""

    def forward(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        total = torch.zeros(())
        for weight, op in zip(weights, self.ops.values(), strict=True):
            if weight > 0:
                total = total + weight * op(x)
        return total


class PathNetwork(Network):
    """The search network of DARTS that computes one architecture."""

    path: Path

    def mixing(self, kind: str, images: torch.Tensor) -> torch.Tensor:
        rows = torch.zeros_like(self.alphas[kind])
        for edge, operation in enumerate(self.path[kind]):
            if operation >= 0:
                rows[edge, operation] = 1.0
        return rows.detach()


def of_paths(network: PathNetwork) -> PathNetwork:
    for module in network.modules():
        if isinstance(module, MixedOp):
            module.__class__ = PathOp
    return network


class SharedSearch(Search):
    """Weights alone are trained."""

    def train(self, path: Path, batch: Batch, xi: float) -> None:
        self.model.path = path
        self.weight_step(batch, xi)

    def accuracy(self, path: Path, batches: Sequence[Batch]) -> float:
        """In evaluation mode, by running statistics."""
        model = self.model.eval()
        model.path = path
        with torch.no_grad():
            right = sum(int((model(images).argmax(dim=1) == labels).sum()) for images, labels in batches)
        model.train()
        return right / sum(len(labels) for _, labels in batches)

    def select(self, paths: Sequence[Path], batches: Sequence[Batch], few: int) -> tuple[Path, float]:
        """The best on all batches of the ten best on a few; of equals the earlier one."""
        first = [(self.accuracy(path, batches[:few]), -number) for number, path in enumerate(paths)]
        finalists = [-number for _, number in sorted(first, reverse=True)[:FINALISTS]]
        last = [
            (self.accuracy(paths[number], batches), -place, number) for place, number in enumerate(finalists)
        ]
        best, _, number = max(last)
        return paths[number], best
