"""Counts: parameters and multiply-adds of a network, and how many cells a search space holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import prod

import networkx as nx

from dartsl.graph.operations import Application, ModuleSpec, application, info
from dartsl.lang.model import Cell, Node


def parameters(graph: nx.DiGraph, *, layer: str | None = None) -> int:
    """Weights of the network or of one of its layers, shared and tied ones once.

    Alphas and plugins are not counted.
    """
    modules = info(graph).modules.items()
    return sum(module_parameters(spec) for path, spec in modules if layer in (None, path.split(".")[0]))


def module_parameters(spec: ModuleSpec) -> int:
    """Weights of one module; a plugin has none that are known here."""
    return _weights(spec) + _bias(spec)


def multiply_adds(graph: nx.DiGraph) -> int:
    """Multiply-adds of convolutions and matrices for one image, or one word; all else is left out, as in DARTS.

    What several candidates compute of the same by the same matrix, that of their node, counts once.
    """
    modules = info(graph).modules
    return sum(_multiply_adds(node, modules[node.state[0]]) for node in _distinct(graph) if node.state)


def _distinct(graph: nx.DiGraph) -> Iterator[Application]:
    """The applications of a graph, those that are equal once."""
    names: dict[str, str] = {}  # of each application, that of the first one that is equal
    first: dict[Application, str] = {}
    for node in nx.topological_sort(graph):
        applied = application(graph, node)
        key = replace(applied, inputs=tuple(names[source] for source in applied.inputs))
        names[node] = first.setdefault(key, node)
        if names[node] == node:
            yield applied


def _multiply_adds(applied: Application, spec: ModuleSpec) -> int:
    if spec.primitive in ("bn", "embedding"):
        return 0
    if spec.primitive == "linear":
        return spec.in_shape[0] * spec.out_shape[0]
    return _weights(spec) * prod(applied.shape[1:])


def _weights(spec: ModuleSpec) -> int:
    """The numbers in the matrix or the kernels of a module, or in the scale and shift of its batch norm."""
    arguments = dict(spec.arguments)
    width_in, width_out = spec.in_shape[0], spec.out_shape[0]
    k = int(arguments.get("k", 1))
    match spec.primitive:
        case "conv":
            return width_in * width_out * k * k
        case "conv_across" | "conv_down":
            return width_in * width_out * k
        case "dwconv":
            return width_in * k * k
        case "linear":
            return 0 if arguments.get("tie") else width_in * width_out
        case "highway":
            return width_in * width_out
        case "embedding":
            return int(arguments["vocab"]) * width_out
        case "bn":
            return 2 * width_in if arguments["affine"] else 0
    return 0


def _bias(spec: ModuleSpec) -> int:
    return spec.out_shape[0] if spec.primitive == "linear" and dict(spec.arguments)["bias"] else 0


def space_size(cells: Iterable[Cell]) -> int:
    """How many sets of discrete cells can be derived: the product over cells and their nodes.

    A node with `keep k` takes k of its incoming edges, and on each one candidate other than `none`; one
    without `keep` takes a candidate on each edge, `none` included (language rule 7).
    """
    return prod(_choices(cell, node) for cell in cells for node in cell.nodes)


def _choices(cell: Cell, node: Node) -> int:
    incoming = cell.incoming(node.name)
    if node.keep is None:
        return prod(len(edge.candidates) for edge in incoming)
    ways = [1] + [0] * node.keep  # ways[k]: to keep k of the edges so far, and choose on each
    for edge in incoming:
        options = sum(not candidate.is_none for candidate in edge.candidates)
        for kept in range(node.keep, 0, -1):
            ways[kept] += ways[kept - 1] * options
    return ways[node.keep]
