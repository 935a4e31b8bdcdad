"""PC-DARTS (Xu et al., arXiv 1907.05737): partial channels, weights of edges, and their derivation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .derive import Pick, softmax
from .networks import MixedOp, Network, SearchCell
from .operations import DARTS, skip


def shares(betas: torch.Tensor, inputs: int, nodes: int) -> list[torch.Tensor]:
    """Each edge's share of its node, node by node: the softmax of its number over the edges into the node."""
    found, row = [], 0
    for node in range(nodes):
        powers = [torch.exp(betas[row + source]) for source in range(inputs + node)]
        for power in powers:
            found.append(power / sum(powers))
        row += inputs + node
    return found


class WeightedNetwork(Network):
    """The search network of DARTS whose nodes sum softmax(beta)_j * edge_j."""

    def __init__(self, c: int, layers: int, *, nodes: int) -> None:
        super().__init__(c, layers, nodes=nodes)
        self.nodes = nodes
        rows = len(self.alphas["normal"])
        for kind in ("normal", "reduction"):
            self.alphas[f"{kind}_edges"] = nn.Parameter(1e-3 * torch.randn(rows))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        before = last = self.stem(images)
        for cell in self.cells:
            weights = torch.softmax(self.alphas[cell.kind], dim=1)
            edges = shares(self.alphas[f"{cell.kind}_edges"], 2, self.nodes)
            before, last = last, weighted_cell(cell, before, last, weights, edges)
        return self.classifier(last.mean(dim=(2, 3)))


class PartialOp(MixedOp):
    """An edge that mixes the first of `parts` parts of its channels; `skips` stands beside the mixture, times `faded`.

    The skip connection is DARTS-'s (arXiv 2009.01027), beside what is mixed: the other channels are skipped already.
    """

    faded = 1.0

    def __init__(self, candidates: Sequence[str], c: int, stride: int, parts: int, skips: bool) -> None:
        super().__init__(candidates, c // parts, stride)
        self.parts = parts
        self.pool = nn.MaxPool2d(2, 2, ceil_mode=True) if stride == 2 else nn.Identity()
        self.beside = skip(c // parts, stride, True) if skips else None

    def forward(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        width = x.shape[1] // self.parts
        first, rest = x[:, :width], x[:, width:]
        mixed = super().forward(first, weights)
        if self.beside is not None:
            mixed = mixed + self.faded * self.beside(first)
        together = torch.cat([mixed, self.pool(rest)], dim=1)
        shuffled = [
            together[:, part * width + channel] for channel in range(width) for part in range(self.parts)
        ]
        return torch.stack(shuffled, dim=1)


def with_partial_channels(network: Network, c: int, parts: int, skips: bool = False) -> Network:
    """A search network of DARTS whose edges mix one of `parts` parts of their channels."""
    layers = len(network.cells)
    for index, cell in enumerate(network.cells):
        c = 2 * c if index in (layers // 3, 2 * layers // 3) else c
        for name in cell.edges:
            strides = cell.kind == "reduction" and int(name.split("_")[1]) < 2
            cell.edges[name] = PartialOp(DARTS, c, 2 if strides else 1, parts, skips)
    return network


def weighted_cell(
    cell: SearchCell,
    before: torch.Tensor,
    last: torch.Tensor,
    weights: torch.Tensor,
    edges: Sequence[torch.Tensor],
) -> torch.Tensor:
    """The output of a cell whose edges count by `edges`."""
    states = cell.preprocess(before, last)
    row = 0
    for node in range(cell.nodes):
        total = torch.zeros(())
        for source in range(2 + node):
            total = total + edges[row] * cell.edges[f"{node}_{source}"](states[source], weights[row])
            row += 1
        states.append(total)
    return torch.cat(states[2:], dim=1)


def keep_heaviest(
    alphas: Sequence[Sequence[float]], betas: Sequence[float], nodes: int, keep: int = 2
) -> list[list[Pick]]:
    """For each node the `keep` edges with the largest softmax(alpha) * softmax(beta) but of `none`, largest first."""
    cell, row = [], 0
    for node in range(nodes):
        incoming = softmax(betas[row : row + 2 + node])
        ranked = []
        for source, share in enumerate(incoming):
            weights = softmax(alphas[row + source])
            best = max(range(1, len(DARTS)), key=lambda column, weights=weights: weights[column])
            ranked.append((-weights[best] * share, source, DARTS[best], weights[best]))
        ranked.sort(key=lambda each: each[:2])  # a tie stays with the earlier edge
        cell.append([(name, source, weight) for _, source, name, weight in ranked[:keep]])
        row += 2 + node
    return cell
