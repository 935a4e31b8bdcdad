"""Separable convolutions that one node adds give it their results before they are normalised.

Each of them alone would write its normalised result, which the sum reads. Together they are one `separable_sum`: a GPU
reads each result once, normalises it, with its mixing weight, and writes the sum (dartsl/nn/kernels).

It takes what a sum alone reads, whole, or in equal parts of which it reads all.

Exact: the same terms are added, in another order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import Application, Value, info
from dartsl.graph.passes.base import NOTHING, Pass
from dartsl.graph.passes.fold import combined, entries_of
from dartsl.graph.rewrite import Applications, applications, assemble, fresh, users

KINDS = {"separable": "separable_sum", "scaled_separable": "scaled_separable_sum"}


@dataclass(frozen=True)
class _Terms:
    """A separable convolution, by its id, and the inputs of a sum that it gives."""

    node: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Terms(Pass):
    """The graph with sums of separable convolutions as `separable_sum`s."""

    name = "terms"
    requires = frozenset({"pure", "stacked"})
    ensures = NOTHING
    joins = True

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        before, readers = applications(graph), users(graph)
        done = dict(before)
        for node, applied in before.items():
            if kind_of(applied).has("adds"):
                groups: dict[tuple[str, Value, int], list[_Terms]] = {}
                for found in _found(node, before, readers):
                    given = before[found.node]
                    table = dict(given.attributes).get("table", "")
                    members = given.attribute("sources")
                    width = given.shape[0] // len(members if isinstance(members, tuple) else ())
                    groups.setdefault((given.kind, table, width), []).append(found)
                for group in groups.values():
                    if len(group) > 1 or len(group[0].inputs) > 1:
                        _join(node, group, before, done)
        return assemble(done, info(graph))


def _found(node: str, before: Applications, readers: Mapping[str, Sequence[str]]) -> Iterator[_Terms]:
    """What a sum may take: each input at most once, and without a weight."""
    applied = before[node]
    plain = [
        source
        for source, entry in zip(applied.inputs, entries_of(applied), strict=True)
        if not entry and list(readers[source]) == [node] and before[source].layer == applied.layer
    ]
    alike = [source for source in plain if before[source].shape == applied.shape]
    splits: dict[str, list[str]] = {}
    for source in alike:
        given = before[source]
        if given.kind in KINDS and given.batch == applied.batch:
            yield _Terms(source, (source,))
        elif given.kind == "piece" and before[given.inputs[0]].kind == "split":
            splits.setdefault(given.inputs[0], []).append(source)
    for split, pieces in splits.items():
        source = before[split].inputs[0]
        whole = before[source].shape[0] == len(pieces) * applied.shape[0]
        if whole and before[source].kind in KINDS and list(readers[source]) == [split]:
            yield _Terms(source, tuple(pieces))


def _join(node: str, group: Sequence[_Terms], before: Applications, done: Applications) -> None:
    """Put what adds all of a group in place of its terms."""
    applied = done[node]
    members = [before[found.node] for found in group]
    first = members[0]
    chains = tuple(
        (given.attribute("stages"), given.attribute("sources"), len(found.inputs))
        for given, found in zip(members, group, strict=True)
    )
    attributes: tuple[tuple[str, Value], ...] = (("chains", chains),)
    if "table" in dict(first.attributes):
        entries = tuple(entry for given in members for entry in _entries(given))
        attributes = (("table", first.attribute("table")), ("entries", entries), *attributes)
    joined = Application(
        KINDS[first.kind],
        attributes,
        tuple(source for given in members for source in given.inputs),
        applied.shape,
        applied.layer,
        tuple(path for given in members for path in given.state),
        batch=applied.batch,
    )
    taken = {source for found in group for source in found.inputs}
    old = zip(applied.inputs, entries_of(applied), strict=True)
    rest = [(source, entry) for source, entry in old if source not in taken]
    if not rest:
        done[node] = joined
        return
    name = fresh(f"{node}.joined", done)
    done[name] = joined
    inputs = (name, *(source for source, _ in rest))
    table = dict(applied.attributes).get("table")
    summed = combined(applied, inputs, [(), *(entry for _, entry in rest)], table)
    if isinstance(summed, str):
        raise TypeError(f"{node}: a sum of {summed} alone")
    done[node] = summed


def _entries(applied: Application) -> tuple[Value, ...]:
    entries = applied.attribute("entries")
    return entries if isinstance(entries, tuple) else ()
