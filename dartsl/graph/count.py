"""Counts: parameters and multiply-adds of a network and of candidates, and how many cells a search space holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import prod

import networkx as nx

from dartsl.graph.operations import Application, application, info
from dartsl.lang.check.model import Cell, Node
from dartsl.lang.plan.parts import parts_of
from dartsl.lang.plan.terms import CellTerm, Step, Term
from dartsl.lang.records.primitives import owner
from dartsl.lang.records.record import ModuleSpec


def parameters(graph: nx.DiGraph, *, layer: str | None = None) -> int:
    """Weights of the network or of one of its layers, shared and tied ones once.

    Alphas and plugins are not counted.
    """
    modules = info(graph).modules.items()
    return sum(module_parameters(spec) for path, spec in modules if layer in (None, path.split(".")[0]))


def module_parameters(spec: ModuleSpec) -> int:
    """Weights of one module; a plugin has none that are known here."""
    return owner(spec.primitive).parameters(spec)


def multiply_adds(graph: nx.DiGraph) -> int:
    """Multiply-adds of convolutions and matrices for one image, or one word; all else is left out, as in DARTS.

    What several candidates compute of the same by the same matrix, that of their node, counts once.
    """
    modules = info(graph).modules
    owners = ((applied, modules[applied.state[0]]) for applied in _distinct(graph) if applied.state)
    return sum(owner(spec.primitive).multiply_adds(spec, applied.shape) for applied, spec in owners)


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


def term_cost(term: Term) -> tuple[int, int]:
    """Parameters and multiply-adds of a term in a network without choices.

    Of a cell that stands in it what prepares its input: what its edges cost is counted by itself.
    """
    if isinstance(term, Step):
        return (0, 0) if term.mixing else _step_cost(term)
    parts = (part for part in term.use.inputs if part) if isinstance(term, CellTerm) else parts_of(term)
    costs = [term_cost(part) for part in parts]
    return sum(parameters for parameters, _ in costs), sum(adds for _, adds in costs)


def _step_cost(step: Step) -> tuple[int, int]:
    record = owner(step.primitive)
    if not record.state:
        return 0, 0
    arguments = (("affine", True),) if record.has("batch_norm") else step.arguments
    spec = ModuleSpec(step.primitive, arguments, step.stride, step.input.dims, step.output.dims)
    return record.parameters(spec), record.multiply_adds(spec, step.output.dims)


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
