"""SDARTS with random smoothing (Chen and Hsieh, arXiv 2002.05283): mixing weights perturbed in the weights' step."""

from __future__ import annotations

import torch

from .bilevel import Batch, Search
from .networks import Network


class SmoothedNetwork(Network):
    """The search network of DARTS; `noise` by cell is added to the mixing weights where it is given."""

    noise: dict[str, torch.Tensor] | None = None

    def mixing(self, kind: str, images: torch.Tensor) -> torch.Tensor:
        weights = torch.softmax(self.alphas[kind], dim=1)
        if self.noise is None:
            return weights
        rows = []
        for row, noise in zip(weights.detach(), self.noise[kind], strict=True):
            moved = [min(max(float(w + n), 0.0), 1.0) for w, n in zip(row, noise, strict=True)]
            if sum(moved) == 0:
                moved[int(row.argmax())] = 1.0
            rows.append([value / sum(moved) for value in moved])
        return torch.tensor(rows, dtype=weights.dtype)


class SmoothedSearch(Search):
    """Its steps: the alphas' as ever, the weights' with the noise of the step."""

    drawn: dict[str, torch.Tensor]

    def weight_step(self, train: Batch, xi: float) -> float:
        self.model.noise = self.drawn
        found = super().weight_step(train, xi)
        self.model.noise = None
        return found
