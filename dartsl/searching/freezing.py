"""Operations that stop training where their gradients on both halves of the data disagree: OLES.

Source: Jiang et al., "Operation-level early stopping for robustifying differentiable NAS", NeurIPS 2023, and the
authors' code, whose similarity and constants these are. What is not as there stands in this folder's README.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from typing import Any

import networkx as nx
import torch
from torch import Tensor, nn

from dartsl.graph.operations import application, info
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.supernet import Supernet
from dartsl.run.schema import Check, record, whole
from dartsl.run.state import like


@dataclass
class Seen:
    """The gradients of all weights on both batches of a step, in order; None for what has none."""

    train: list[Tensor | None] | None = None
    validation: list[Tensor] | None = None

    def look(self, gradients: list[Tensor | None]) -> None:
        """Take those of the training batch."""
        self.train = gradients


class Freezing:
    """The operations of a network that have weights, how their gradients agree, and which of them are frozen.

    An operation is a candidate of a searched edge, in one layer. `sums` (operations,) are those of the similarities of
    `count` steps; `frozen` (operations,), bool, lies on the CPU.
    """

    def __init__(self, model: Supernet, config: SearchConfig) -> None:
        self.on = config.freeze
        self._threshold, self._steps = config.freeze_threshold, config.freeze_steps
        self._weights = model.weights()
        self._places = _operations(model) if self.on else []  # of each operation, places among the weights
        device = self._weights[0].device
        self.sums = torch.zeros(len(self._places), dtype=torch.float32, device=device)
        self.frozen = torch.zeros(len(self._places), dtype=torch.bool, device="cpu")
        self.count = 0

    @property
    def weights(self) -> list[nn.Parameter]:
        """Those that train no more."""
        chosen = compress(self._places, self.frozen.tolist())
        return [self._weights[place] for places in chosen for place in places]

    @property
    def key(self) -> tuple[bool, ...]:
        """What a step depends on."""
        return tuple(self.frozen.tolist())

    def similarity(self, seen: Seen | None) -> Tensor | None:
        """Of each operation, (operations,), how the gradients on both batches agree; 0 of frozen ones. None where
        alphas rest, and there is but one batch's.

        It is the mean over its weights of the mean cosine between the columns of both gradients, along the first
        dimension: that of output channels.
        """
        if seen is None or seen.train is None or seen.validation is None:
            return None
        found = []
        for places in self._places:
            pairs = [(seen.train[place], seen.validation[place]) for place in places]
            cosines = [
                torch.cosine_similarity(one, other, dim=0).mean() for one, other in pairs if one is not None
            ]
            found.append(torch.stack(cosines).mean() if cosines else self.sums.new_zeros(()))
        return torch.stack([each.to(self.sums.dtype) for each in found])

    def add(self, similarity: Tensor | None) -> None:
        """Count a step; every so many, freeze those whose mean is below the threshold. The host then waits."""
        if similarity is None:
            return
        self.sums += similarity
        self.count += 1
        if self.count == self._steps:
            self.frozen |= (self.sums / self.count < self._threshold).cpu()
            self.sums.zero_()
            self.count = 0

    def figures(self) -> dict[str, int]:
        """What the history has of it: how many operations are frozen."""
        return {"frozen": int(self.frozen.sum())} if self.on else {}

    def tensors(self) -> list[Tensor]:
        """What changes in place."""
        return [self.sums, self.frozen]

    def state_dict(self) -> dict[str, Any]:
        """All of it, for a checkpoint."""
        state = {"sums": self.sums, "frozen": self.frozen, "count": self.count}
        return {"freezing": state} if self.on else {}

    def schema(self) -> dict[str, Check]:
        """What each part of `state_dict` must be."""
        parts = {"sums": like(self.sums), "frozen": like(self.frozen), "count": whole(0, self._steps)}
        return {"freezing": record(parts, closed=True)} if self.on else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the parts of a state that `state_dict` gave."""
        if self.on:
            found = state["freezing"]
            self.sums.copy_(found["sums"])
            self.frozen.copy_(found["frozen"])
            self.count = int(found["count"])


def _operations(model: Supernet) -> list[list[int]]:
    """The places, among the model's weights, of those of each candidate of a searched edge that has any."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    below: dict[str, list[int]] = {}
    for place, weight in enumerate(model.weights()):
        parts = names[id(weight)].removeprefix("network.").split(".")
        for length in range(1, len(parts)):
            below.setdefault(".".join(parts[:length]), []).append(place)
    return [below[path] for path in _candidates(model.graph) if path in below]


def _candidates(graph: nx.DiGraph) -> list[str]:
    """The paths below which the modules of candidates stand, in order of layers, edges and columns."""
    sizes = {table.name: table.sizes for table in info(graph).alphas}
    found = []
    for node in graph:
        mix = application(graph, node)
        if mix.kind == "mix":
            table, row = mix.attribute("table"), mix.attribute("row")
            edge = str(node).rpartition(".")[0]
            count = sizes[str(table)][row] if isinstance(row, int) else 0
            inputs = [each.removeprefix(f"{edge}.").split(".")[0] for each in mix.inputs[:count]]
            found += [f"{edge}.{name}" for name in inputs]
    return found
