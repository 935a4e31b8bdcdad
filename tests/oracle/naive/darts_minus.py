"""DARTS- (Chu et al., arXiv 2009.01027): a skip connection beside the candidates of every edge, which fades."""

from __future__ import annotations

import torch
from torch import nn

from .networks import Network, SearchCell
from .operations import skip


class SkippedNetwork(Network):
    """The search network of DARTS whose edges add `beside` times a skip connection to their mixture."""

    beside = 1.0

    def __init__(self, c: int, layers: int, *, nodes: int) -> None:
        super().__init__(c, layers, nodes=nodes)
        for index, cell in enumerate(self.cells):
            c = 2 * c if index in (layers // 3, 2 * layers // 3) else c
            for name, edge in cell.edges.items():
                strides = cell.kind == "reduction" and int(name.split("_")[1]) < 2
                edge.beside = skip(c, 2 if strides else 1, True)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        before = last = self.stem(images)
        for cell in self.cells:
            weights = torch.softmax(self.alphas[cell.kind], dim=1)
            before, last = last, self.output(cell, before, last, weights)
        return self.classifier(last.mean(dim=(2, 3)))

    def output(
        self, cell: SearchCell, before: torch.Tensor, last: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """The output of a cell."""
        states: list[torch.Tensor] = cell.preprocess(before, last)
        row = 0
        for node in range(cell.nodes):
            total = torch.zeros(())
            for source in range(2 + node):
                edge: nn.Module = cell.edges[f"{node}_{source}"]
                total = total + edge(states[source], weights[row]) + self.beside * edge.beside(states[source])
                row += 1
            states.append(total)
        return torch.cat(states[2:], dim=1)
