"""P-DARTS (Chen et al., arXiv 1904.12760): dropout after the skip connections of the search, with given masks."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from .networks import Network

Masks = Callable[[str, torch.Tensor], torch.Tensor]  # by cell and edge, `2.1_0`: 0, or 1 / (1 - rate)


class Dropped(nn.Module):
    """A skip connection, each number of which is multiplied by that of a mask while the network trains."""

    def __init__(self, name: str, masks: Masks) -> None:
        super().__init__()
        self.name = name
        self.masks = masks

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.masks(self.name, x) if self.training else x


def drop_skips(network: Network, masks: Masks) -> None:
    """Put dropout after the candidates that are skip connections without a stride."""
    for index, cell in enumerate(network.cells):
        for name, edge in cell.edges.items():
            strides = cell.kind == "reduction" and int(name.split("_")[1]) < 2
            if "skip_connect" in edge.ops and not strides:
                edge.ops["skip_connect"] = Dropped(f"{index}.{name}", masks)


def rate(highest: float, epoch: int, epochs: int, frozen: int) -> float:
    """The rate in an epoch, from 0, of a stage whose first `frozen` epochs leave the alphas as they are."""
    if epoch < frozen:
        return highest * (epochs - epoch - 1) / epochs
    return highest * math.exp(-(epoch - frozen) * 0.2)
