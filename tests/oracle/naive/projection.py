"""DARTS-PT (Wang et al., arXiv 2108.04392): edges decided one after the other by what the network loses without."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch

from .bilevel import Batch
from .networks import Network
from .operations import DARTS

KEEP = 2  # edges into a node


class ProjectedNetwork(Network):
    """The search network of DARTS. By cell and edge, `decided` has the operation that is kept, "" for none of them.

    `missing` is left out for now: a cell, an edge, and an operation or "" for all of them.
    """

    decided: dict[tuple[str, int], str]
    missing: tuple[str, int, str] | None = None

    def mixing(self, kind: str, images: torch.Tensor) -> torch.Tensor:
        rows = []
        for edge, row in enumerate(torch.softmax(self.alphas[kind], dim=1)):
            if (kind, edge) in self.decided:
                kept = self.decided[kind, edge]
                row = 0 * row + torch.tensor([float(name == kept) for name in DARTS], dtype=row.dtype)
            if self.missing is not None and self.missing[:2] == (kind, edge):
                name = self.missing[2]
                row = row * torch.tensor(
                    [0.0 if name in ("", each) else 1.0 for each in DARTS], dtype=row.dtype
                )
            rows.append(row)
        return torch.stack(rows)


class Projector:
    """The phase after the search: what is decided of a network, of cells of `nodes` nodes and two inputs.

    In place of a random edge or node it takes the last one.
    """

    def __init__(self, model: ProjectedNetwork, nodes: int) -> None:
        self.model = model
        model.decided = {}
        self.into: list[list[int]] = []  # the edges into each node
        for node in range(nodes):
            first = sum(len(edges) for edges in self.into)
            self.into.append(list(range(first, first + 2 + node)))
        self.nodes_left = {kind: [node for node in self.into if len(node) > KEEP] for kind in model.alphas}
        self.measured: list[float] = []

    def decide(self, batches: Sequence[Batch]) -> None:
        """One decision in each cell: an edge while there is one, then a node."""
        for kind in ("normal", "reduction"):
            edges = [edge for node in self.into for edge in node if (kind, edge) not in self.model.decided]
            if edges:
                self.decide_edge(kind, edges[-1], batches)
            elif self.nodes_left[kind]:
                self.decide_node(kind, self.nodes_left[kind].pop(), batches)

    def decide_edge(self, kind: str, edge: int, batches: Sequence[Batch]) -> None:
        best, worst = "", 2.0
        for name in DARTS[1:]:  # all but `none`
            accuracy = self.accuracy((kind, edge, name), batches)
            if accuracy < worst:
                best, worst = name, accuracy
        self.model.decided[kind, edge] = best

    def decide_node(self, kind: str, edges: list[int], batches: Sequence[Batch]) -> None:
        accuracies = {edge: self.accuracy((kind, edge, ""), batches) for edge in edges}
        left = list(edges)
        while len(left) > KEEP:  # as the authors do: the later of those that are missed least goes
            easiest = max(accuracies[edge] for edge in left)
            gone = [edge for edge in left if accuracies[edge] == easiest][-1]
            left.remove(gone)
            self.model.decided[kind, gone] = ""

    def accuracy(self, missing: tuple[str, int, str], batches: Sequence[Batch]) -> float:
        """In training mode, on copies, so that no running statistic moves."""
        right = count = 0
        for images, labels in batches:
            model = copy.deepcopy(self.model).train()
            model.missing = missing
            with torch.no_grad():
                right += int((model(images).argmax(dim=1) == labels).sum())
            count += len(labels)
        self.measured.append(right / count)
        return right / count

    def cell(self, kind: str) -> list[tuple[int, str]]:
        """Edges that stay, with their operations."""
        edges = [edge for node in self.into for edge in node]
        return [(edge, self.model.decided[kind, edge]) for edge in edges if self.model.decided[kind, edge]]
