"""What several nodes add up with weights of their own, from the same sources, is mixed for all of them at once.

The pools after a node, and the node itself where the identity is offered, are terms of every later node, each time
with another mixing weight. With the sources as the rows of a matrix S and the weights as a matrix W (a row for each
target), the terms are W S: one product in place of a multiplication and an addition for each pair, and in the backward
pass one product for the gradients of the sources, and one for those of the weights. `blend` is the product, and a
`piece` of it is the row of a target.

Exact: the same products are added, in another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.operations import Application, Value, info
from dartsl.graph.passes.base import NOTHING, Pass
from dartsl.graph.passes.fold import Entry, combined, entries_of
from dartsl.graph.rewrite import Applications, applications, assemble, fresh


@dataclass(frozen=True)
class _Group:
    """What sources have in common that are mixed at once: the nodes that add them, and what they look like."""

    targets: tuple[str, ...]
    shape: tuple[int, ...]
    batch: int
    layer: str
    table: Value


@dataclass(frozen=True)
class Blend(Pass):
    """The graph with weighted terms that go to the same nodes as pieces of a `blend`."""

    name = "blend"
    requires = frozenset({"pure", "folded"})
    ensures = NOTHING
    joins = True

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        done = applications(graph)
        for group, sources in _groups(done).items():
            if len(group.targets) * len(sources) > 1:
                _blend(group, sources, done)
        return assemble(done, info(graph))


def _groups(done: Applications) -> dict[_Group, list[str]]:
    """Sources by the nodes that add them with a weight: whole images, each once in a node."""
    targets: dict[tuple[str, str, Value], list[str]] = {}
    for node, applied in done.items():
        if applied.kind != "combine" or len(applied.shape) != 3:
            continue
        weighted = [x for x, entry in zip(applied.inputs, entries_of(applied), strict=True) if entry]
        for source in weighted:
            if weighted.count(source) == 1 and done[source].shape == applied.shape:
                targets.setdefault((source, applied.layer, applied.attribute("table")), []).append(node)
    found: dict[_Group, list[str]] = {}
    for (source, layer, table), nodes in targets.items():
        given = done[source]
        found.setdefault(_Group(tuple(nodes), given.shape, given.batch, layer, table), []).append(source)
    return found


def _blend(group: _Group, sources: Sequence[str], done: Applications) -> None:
    """Put the blend of some sources, and its pieces, in place of their terms."""
    terms = {
        target: {
            source: entry
            for source, entry in zip(done[target].inputs, entries_of(done[target]), strict=True)
            if entry  # a source may be a term without a weight as well
        }
        for target in group.targets
    }
    entries = tuple(tuple(terms[target][source] for source in sources) for target in group.targets)
    name = fresh(f"{group.targets[0]}.blend", done)
    attributes: tuple[tuple[str, Value], ...] = (("table", group.table), ("entries", entries))
    done[name] = Application("blend", attributes, tuple(sources), group.shape, group.layer, batch=group.batch)
    for place, target in enumerate(group.targets):
        _replace(target, sources, name, place, done)


def _replace(target: str, sources: Sequence[str], blend: str, place: int, done: Applications) -> None:
    """A node's sum with a piece of the blend for the terms of the sources; the piece alone where no other is."""
    old = zip(done[target].inputs, entries_of(done[target]), strict=True)
    rest = [(source, entry) for source, entry in old if not (entry and source in sources)]
    add_piece(target, rest, blend, place, done)


def add_piece(
    target: str, rest: Sequence[tuple[str, Entry]], parts: str, place: int, done: Applications
) -> None:
    """A node's sum of the other terms, with their entries, and of one of several parts; that alone if none is."""
    applied = done[target]
    piece = replace(applied, kind="piece", attributes=(("index", place),), inputs=(parts,))
    if not rest:
        done[target] = piece
        return
    name = fresh(f"{target}.piece", done)
    done[name] = piece
    inputs = (*(source for source, _ in rest), name)
    table = dict(applied.attributes).get("table")
    summed = combined(applied, inputs, [*(entry for _, entry in rest), ()], table)
    if isinstance(summed, str):
        raise TypeError(f"{target}: a sum of {summed} alone")
    done[target] = summed
