"""Wide depthwise convolutions become `convolution`s, whose weight gradient is computed a few columns at a time.

See dartsl/nn/depthwise.py: the CPU's library has no fast kernel for the gradient of a depthwise kernel wider than 3.

Exact: the columns of a kernel are independent.
"""

from __future__ import annotations

from dataclasses import replace

import networkx as nx

from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import Application
from dartsl.graph.rewrite import Applications, rewrite
from dartsl.graph.target import Target

FAST = 3  # columns


def run(graph: nx.DiGraph, target: Target) -> nx.DiGraph:
    """The graph with wide depthwise convolutions as `convolution`, where the target asks for it."""
    return rewrite(graph, _step) if target.narrow_depthwise else graph


def _step(node: str, applied: Application, done: Applications) -> Application:
    attributes = dict(applied.attributes)
    if not kind_of(applied).has("depthwise") or attributes.get("dilation", 1) != 1:
        return applied
    k = attributes["k"]
    if not isinstance(k, int) or k <= FAST:
        return applied
    padding = ((k - 1) // 2, (k - 1) // 2)
    geometry = (
        ("stride", attributes.get("stride", (1, 1))),
        ("padding", padding),
        ("dilation", (1, 1)),
        ("groups", applied.shape[0]),
    )
    return replace(applied, kind="convolution", attributes=geometry)
