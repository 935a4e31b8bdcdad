"""What a forward pass costs by its graph alone: applications, convolutions, and numbers moved."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import networkx as nx

from dartsl.graph.count import module_parameters
from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import Application, application, info

BYTES = 4  # of a float32
SEQUENCE = "sequence"  # the end of a cell that runs along one: the outputs of all its steps


@dataclass(frozen=True)
class Cost:
    """Of one forward pass.

    nodes         applications in the graph
    convolutions  calls of a convolution
    traffic       bytes that applications read and write for one example in float32 (an image, a row of text), each on
                  its own and at each step of a sequence, every parameter included: an upper bound, since a cache
                  keeps some
    """

    nodes: int
    convolutions: int
    traffic: int


def cost(graph: nx.DiGraph) -> Cost:
    """The cost of a graph."""
    found = [application(graph, node) for node in graph]
    steps = {
        each.layer: each.shape[-1] for each in found if each.kind == SEQUENCE
    }  # of cells that run along one
    moved = sum(_moved(graph, each, steps.get(each.layer, 1)) for each in found)
    return Cost(len(found), sum(map(convolutions, found)), BYTES * moved)


def convolutions(applied: Application) -> int:
    """How many convolutions one application calls."""
    return int(kind_of(applied).has("convolution"))


def _moved(graph: nx.DiGraph, applied: Application, steps: int) -> int:
    if kind_of(applied).has("view"):
        return 0
    inputs = (application(graph, source) for source in applied.inputs)
    read = sum(map(_numbers, inputs)) + sum(_weights(graph, path) for path in applied.state)
    written = _numbers(applied)  # of a sequence: what all its steps give
    return steps * read + (written if applied.kind == SEQUENCE else steps * written)


def _numbers(applied: Application) -> int:
    return applied.batch * prod(applied.shape)


def _weights(graph: nx.DiGraph, path: str) -> int:
    return module_parameters(info(graph).modules[path])
