"""Every application comes right in front of the first that needs it: chain by chain, not step by step of all chains.

So what it reads was written a moment ago, and lies in the processor's cache; the backward pass goes the same way back.

Exact: no application changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx

from dartsl.graph.operations import info
from dartsl.graph.passes.base import NOTHING, Pass
from dartsl.graph.rewrite import Applications, applications, assemble


@dataclass(frozen=True)
class Order(Pass):
    """The graph in the order of a depth-first search from its output."""

    name = "order"
    requires = NOTHING
    ensures = NOTHING

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        before = applications(graph)
        done: Applications = {}
        for last in (info(graph).output, *before):
            waiting = [last]
            while waiting:
                node = waiting[-1]
                missing = [source for source in before[node].inputs if source not in done]
                if missing:
                    waiting += reversed(missing)
                else:
                    done[waiting.pop()] = before[node]
        return assemble(done, info(graph))
