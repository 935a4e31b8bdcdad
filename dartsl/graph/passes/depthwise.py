"""Wide depthwise convolutions become `convolution`s, whose weight gradient is computed a few columns at a time.

See dartsl/nn/depthwise.py: the CPU's library has no fast kernel for the gradient of a depthwise kernel wider than 3.

Exact: the columns of a kernel are independent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import Application
from dartsl.graph.passes.base import NOTHING, PURE, Pass
from dartsl.graph.rewrite import Applications, rewrite


@dataclass(frozen=True)
class Depthwise(Pass):
    """The graph with depthwise convolutions of more than `fast` columns as `convolution`."""

    name = "depthwise"
    requires = PURE
    ensures = NOTHING
    fast: int = 3

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        return rewrite(graph, self._step)

    def _step(self, node: str, applied: Application, done: Applications) -> Application:
        attributes = dict(applied.attributes)
        if not kind_of(applied).has("depthwise") or attributes.get("dilation", 1) != 1:
            return applied
        k = attributes["k"]
        if not isinstance(k, int) or k <= self.fast:
            return applied
        padding = ((k - 1) // 2, (k - 1) // 2)
        geometry = (
            ("stride", attributes.get("stride", (1, 1))),
            ("padding", padding),
            ("dilation", (1, 1)),
            ("groups", applied.shape[0]),
        )
        return replace(applied, kind="convolution", attributes=geometry)
