"""What a forward pass costs by its graph alone: applications, convolutions, and numbers moved."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import networkx as nx

from dartsl.graph.count import module_parameters
from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import Application, application, info

BYTES = 4  # of a float32


@dataclass(frozen=True)
class Cost:
    """Of one forward pass.

    nodes         applications in the graph
    convolutions  calls of a convolution
    traffic       bytes that applications read and write for one image in float32, each on its own, every
                  parameter included: an upper bound, since a cache keeps some
    """

    nodes: int
    convolutions: int
    traffic: int


def cost(graph: nx.DiGraph) -> Cost:
    """The cost of a graph."""
    found = [application(graph, node) for node in graph]
    return Cost(len(found), sum(map(convolutions, found)), BYTES * sum(_moved(graph, each) for each in found))


def convolutions(applied: Application) -> int:
    """How many convolutions one application calls."""
    return int(kind_of(applied).has("convolution"))


def _moved(graph: nx.DiGraph, applied: Application) -> int:
    if kind_of(applied).has("view"):
        return 0
    inputs = (application(graph, source) for source in applied.inputs)
    return (
        _numbers(applied) + sum(map(_numbers, inputs)) + sum(_weights(graph, path) for path in applied.state)
    )


def _numbers(applied: Application) -> int:
    return applied.batch * prod(applied.shape)


def _weights(graph: nx.DiGraph, path: str) -> int:
    return module_parameters(info(graph).modules[path])
