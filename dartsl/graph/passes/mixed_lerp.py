"""Lerps of one edge, each with a mixing weight, that share their start and their gate are mixed in front of the gate.

The candidates of a recurrent edge differ in their activation alone: lerp(a, b_k, t) = a + t (b_k - a) with the same a
and t. With W = sum_k w_k their mix, sum_k w_k lerp(a, b_k, t), is W a + t (sum_k w_k b_k - W a): one gate for all.
`mixed_lerp` is that sum, `factors` the mixing weights w_k and W, the same at every time step.

It applies to terms of a `combine` of vectors, lerps that nothing else reads.

Exact: the sum is taken apart by the distributive law, up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import Application
from dartsl.graph.passes.base import NOTHING, Pass
from dartsl.graph.passes.fold import Entry, combined, entries_of
from dartsl.graph.rewrite import Applications, fresh, rewrite, users


@dataclass(frozen=True)
class MixedLerp(Pass):
    """The graph with weighted lerps of one start and one gate as a `mixed_lerp`."""

    name = "mixed_lerp"
    requires = frozenset({"pure", "folded"})
    ensures = NOTHING
    joins = True

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        readers = users(graph)

        def step(node: str, applied: Application, done: Applications) -> str | Application:
            if applied.kind != "combine" or len(applied.shape) != 1:
                return applied
            return _mixed(node, applied, done, readers)

        return rewrite(graph, step)


def _mixed(
    node: str, applied: Application, done: Applications, readers: Mapping[str, list[str]]
) -> str | Application:
    """A sum with a `mixed_lerp` for each group of two or more such lerps."""
    groups: dict[tuple[str, str], list[int]] = {}
    entries = entries_of(applied)
    for place, (source, entry) in enumerate(zip(applied.inputs, entries, strict=True)):
        given = done[source]
        if entry and kind_of(given).has("interpolates") and len(readers.get(source, ())) == 1:
            groups.setdefault((given.inputs[0], given.inputs[2]), []).append(place)
    first = {places[0]: places for places in groups.values() if len(places) > 1}
    gone = {place for places in first.values() for place in places}
    inputs: list[str] = []
    kept: list[Entry] = []
    for place, (source, entry) in enumerate(zip(applied.inputs, entries, strict=True)):
        if place in first:
            inputs.append(_lerp(node, applied, first[place], done))
            kept.append(())
        elif place not in gone:
            inputs.append(source)
            kept.append(entry)
    return combined(applied, tuple(inputs), kept, applied.attribute("table"))


def _lerp(node: str, applied: Application, places: list[int], done: Applications) -> str:
    """The `mixed_lerp` of some terms of a sum, and its `factors`."""
    terms = [done[applied.inputs[place]] for place in places]
    entries = entries_of(applied)
    table = ("table", applied.attribute("table"))
    rows = tuple((entries[place],) for place in places)  # for each lerp, for each of a stack's (here one)
    factors = fresh(f"{node}.factors", done)
    done[factors] = Application("factors", (table, ("entries", rows)), (), (len(rows),), applied.layer)
    start, _, gate = terms[0].inputs
    inputs = (start, gate, factors, *(term.inputs[1] for term in terms))
    name = fresh(f"{node}.mixed_lerp", done)
    done[name] = replace(applied, kind="mixed_lerp", attributes=(), inputs=inputs)
    return name
