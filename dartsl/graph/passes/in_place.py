"""A ReLU that alone reads a batch norm of its own layer writes over what it reads.

Exact: no number changes, and no gradient needs what is written over: that of a batch norm reads its input and the
statistics, that of a ReLU its own result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import Application, info
from dartsl.graph.passes.base import NOTHING, PURE, Pass
from dartsl.graph.rewrite import Applications, applications, assemble, users


@dataclass(frozen=True)
class InPlace(Pass):
    """The graph with `relu` after batch norms as `relu_in_place`, where nothing else reads them."""

    name = "in_place"
    requires = PURE
    ensures = NOTHING
    ends = PURE

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        before = applications(graph)
        readers = users(graph)
        done: Applications = {
            node: replace(applied, kind=f"{applied.kind}_in_place")
            if _may(applied, before, readers)
            else applied
            for node, applied in before.items()
        }
        return assemble(done, info(graph))


def _may(
    applied: Application, before: Mapping[str, Application], readers: Mapping[str, Sequence[str]]
) -> bool:
    if not kind_of(applied).has("overwrites"):
        return False
    (source,) = applied.inputs
    given = before[source]
    # What enters a layer stays as it is: `--memory low` computes the layer from it again.
    return kind_of(given).has("overwritable") and given.layer == applied.layer and len(readers[source]) == 1
