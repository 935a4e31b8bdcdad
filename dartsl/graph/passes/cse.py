"""Common subexpressions: what computes the same from the same is computed once.

Value numbering: two applications are one where kind, attributes, inputs and state are equal. Random primitives differ
by their key, modules with parameters by their path. Batch norms without affine have no parameters, so that those of one
layer on one input are equal: the one that is left keeps the paths of all, and their running statistics move together
(every one of them would have seen the same batches). So the pools after a node, and the batch norms after the pools,
are computed once for all edges that leave it. The ReLU of a cell's output is computed in each of the layers that read
it: a layer gives one tensor at every level, so that hooks and feature extractors see what it is for.

Exact: an application is a function of what is compared here, in training. In evaluation, running statistics count:
they are equal wherever a network was trained or loaded from a checkpoint of any level.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.kinds import is_plain_norm
from dartsl.graph.operations import Application, info
from dartsl.graph.passes.base import NOTHING, PURE, Pass
from dartsl.graph.rewrite import Applications, rewrite


@dataclass(frozen=True)
class Cse(Pass):
    """The graph with equal applications merged into the first of them."""

    name = "cse"
    requires = PURE
    ensures = NOTHING
    joins = True

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        numbers: dict[Application, str] = {}
        record = info(graph)

        def step(node: str, applied: Application, done: Applications) -> str | Application:
            key = applied
            if is_plain_norm(applied, record):  # of any name; the layer counts: it holds the modules
                key = replace(applied, kind="", attributes=(), state=())
            known = numbers.setdefault(key, node)
            if known == node:
                return applied
            if applied.state != done[known].state:
                done[known] = replace(done[known], state=(*done[known].state, *applied.state))
            return known

        return rewrite(graph, step)
