"""Edges with partial channels that one node adds are put together once, after their sums.

Each edge puts what it mixes and what passes by together and shuffles the channels. That moves channels alone, in the
same way for all edges of a node: so the mixtures are added, what passes by is added, and both sums are put together.
The candidates of all edges are terms of one sum then, as they are without partial channels.

Exact: the same terms are added, in another order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.kinds import SHUFFLE, SUM
from dartsl.graph.operations import Application
from dartsl.graph.passes.base import NOTHING, PURE, Pass
from dartsl.graph.rewrite import Applications, fresh, rewrite, users


@dataclass(frozen=True)
class Shuffles(Pass):
    """The graph with sums of shuffled channels as shuffles of sums."""

    name = "shuffles"
    requires = PURE
    ensures = NOTHING

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        readers = users(graph)

        def step(node: str, applied: Application, done: Applications) -> Application:
            return applied if applied.kind != SUM else _summed(node, applied, done, readers)

        return rewrite(graph, step)


def _summed(
    node: str, applied: Application, done: Applications, readers: Mapping[str, Sequence[str]]
) -> Application:
    """A sum whose shuffled terms are shuffled once."""
    terms = [
        source
        for source in applied.inputs
        if done[source].kind == SHUFFLE
        and (done[source].shape, done[source].layer) == (applied.shape, applied.layer)
        and list(readers[source]) == [node]
    ]
    widths = {done[done[source].inputs[0]].shape[0] for source in terms}
    if len(terms) < 2 or len(widths) > 1:
        return applied
    sums = []
    for place, name in enumerate(("mixed", "rest")):
        sources = tuple(done[source].inputs[place] for source in terms)
        sums.append(fresh(f"{node}.{name}", done))
        done[sums[-1]] = replace(applied, inputs=sources, shape=done[sources[0]].shape)
    joined = replace(applied, kind=SHUFFLE, inputs=tuple(sums))
    others = tuple(source for source in applied.inputs if source not in terms)
    if not others:
        return joined
    name = fresh(f"{node}.shuffled", done)
    done[name] = joined
    return replace(applied, inputs=(name, *others))
