"""Terms of a node that are computed alike from different sources are computed at once, from the sources stacked.

All edges into a node of a recurrent cell offer the same candidates on the same matrices. Their trees differ in the
source alone: so the sources are stacked, `gather` gives (j, B, C), one tree works on the stack (one matrix product in
place of j), and `batch_sum` adds up what comes out, with mixing weights where the terms had them.

A tree is made of what nothing outside of it reads; the rest are its leaves. A leaf that is the same for all trees (a
mask) is not stacked. The operations of a tree treat each vector on its own. A term that is nothing but a leaf stays.

Exact: vectors of a stack are independent, and the sum is associative up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.kinds import PRODUCT, kind_of
from dartsl.graph.operations import Application, Value, info
from dartsl.graph.passes.base import NOTHING, Pass
from dartsl.graph.passes.fold import Entry, combined, entries_of
from dartsl.graph.rewrite import Applications, applications, assemble, fresh, renamed, users


@dataclass(frozen=True)
class _Tree:
    """A term: its applications and leaves, inputs first, and what it looks like, the leaves apart.

    `factors` of its mixing weights are leaves of their own kind: those of the trees are put together.
    """

    place: int
    nodes: tuple[str, ...]
    inner: frozenset[str]
    looks: tuple[object, ...]


@dataclass(frozen=True)
class Gather(Pass):
    """The graph with like terms of a node's sum as one tree on stacked sources."""

    name = "gather"
    requires = frozenset({"pure", "folded"})
    ensures = NOTHING
    joins = True

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        done, readers, record = applications(graph), users(graph), info(graph)
        names: dict[str, str] = {}
        recurrent = {applied.layer for applied in done.values() if applied.kind == "carry"}
        for node, applied in list(done.items()):
            if applied.layer not in recurrent or not kind_of(applied).has("adds"):
                continue
            if len(applied.shape) != 1 or applied.batch != 1:
                continue
            groups: dict[tuple[object, ...], list[_Tree]] = {}
            for place in range(len(applied.inputs)):
                tree = _tree(node, place, done, readers)
                if tree.inner:
                    groups.setdefault(tree.looks, []).append(tree)
            alike = [trees for trees in groups.values() if len(trees) > 1]
            if alike:
                result = _gathered(node, alike, done)
                if isinstance(result, str):
                    names[node] = result
                else:
                    done[node] = result
        renamed_ = {node: renamed(applied, names) for node, applied in done.items() if node not in names}
        return assemble(renamed_, replace(record, output=names.get(record.output, record.output)))


def _tree(node: str, place: int, done: Applications, readers: Mapping[str, list[str]]) -> _Tree:
    """The tree of one term of a sum."""
    root = done[node].inputs[place]
    order = _below(root, done)
    inner: set[str] = set()
    for each in reversed(order):  # readers first
        read_by = readers.get(each, [])
        own = read_by == [node] if each == root else inner.issuperset(read_by)
        if (
            own
            and kind_of(done[each]).has("stackable")
            and len(done[each].shape) == 1
            and len(done[each].state) < 2
        ):
            inner.add(each)
    # A source as it enters a matrix, masked: most are read by several nodes, so that they are leaves; so be the others.
    inner -= {
        each
        for each in inner
        if done[each].kind == PRODUCT and each != root and inner.isdisjoint(done[each].inputs)
    }
    nodes = tuple(
        each for each in order if each in inner or any(each in done[reader].inputs for reader in inner)
    )
    number = {each: count for count, each in enumerate(nodes)}
    looks: list[object] = [bool(entries_of(done[node])[place])]
    for each in nodes:
        applied = done[each]
        if each in inner:
            inputs = tuple(number[source] for source in applied.inputs)
            looks.append((applied.kind, applied.attributes, applied.state, applied.shape, inputs))
        else:
            factors = applied.attributes[:1] if applied.kind == "factors" else ()
            looks.append((applied.kind == "factors", factors, applied.shape, applied.batch))
    return _Tree(place, nodes, frozenset(inner), tuple(looks))


def _below(root: str, done: Applications) -> list[str]:
    """What a term is computed from within its layer, as far as it may belong to its tree, inputs first."""
    order: list[str] = []
    seen: set[str] = set()

    def visit(node: str) -> None:
        seen.add(node)
        if kind_of(done[node]).has("stackable"):
            for source in done[node].inputs:
                if source not in seen and done[source].layer == done[root].layer:
                    visit(source)
        order.append(node)

    visit(root)
    return order


def _gathered(node: str, alike: Sequence[Sequence[_Tree]], done: Applications) -> str | Application:
    """The sum of a node with one `batch_sum` for each group of like terms."""
    applied = done[node]
    entries = entries_of(applied)
    first = {trees[0].place: trees for trees in alike}
    gone = {tree.place for trees in alike for tree in trees}
    inputs: list[str] = []
    kept: list[Entry] = []
    for place, (source, entry) in enumerate(zip(applied.inputs, entries, strict=True)):
        if place in first:
            inputs.append(_stack(node, first[place], done))
            kept.append(())
        elif place not in gone:
            inputs.append(source)
            kept.append(entry)
    table = dict(applied.attributes).get("table")
    return combined(applied, tuple(inputs), kept, table)


def _stack(node: str, trees: Sequence[_Tree], done: Applications) -> str:
    """One tree for several; the id of the sum of what it gives."""
    applied, count = done[node], len(trees)
    now: dict[str, str] = {}  # what stands for the first tree's parts
    for column in zip(*(tree.nodes for tree in trees), strict=True):
        one = column[0]
        part = done[one]
        if one not in trees[0].inner:
            now[one] = one if len(set(column)) == 1 and part.kind != "factors" else _leaf(node, column, done)
            continue
        inputs = tuple(now[source] for source in part.inputs)
        wide = max(done[source].batch for source in inputs)
        now[one] = fresh(f"{one}.stacked", done)
        done[now[one]] = replace(part, inputs=inputs, batch=wide)
    root = now[applied.inputs[trees[0].place]]
    if done[root].batch != count:  # of shared leaves alone: every tree gives the same
        root = _leaf(node, [root] * count, done)
    weights = [entries_of(applied)[tree.place] for tree in trees]
    inputs = (root,)
    if any(weights):
        inputs = (root, _factors(node, applied.attribute("table"), (tuple(weights),), applied.layer, done))
    name = fresh(f"{node}.batch_sum", done)
    done[name] = replace(applied, kind="batch_sum", attributes=(), inputs=inputs)
    return name


def _leaf(node: str, column: Sequence[str], done: Applications) -> str:
    """The leaves of several trees, stacked; their mixing weights put together."""
    first = done[column[0]]
    if first.kind == "factors":
        rows = [done[each].attribute("entries") for each in column]
        joined = tuple(zip(*((entry for (entry,) in _pairs(row)) for row in rows), strict=True))
        return _factors(node, first.attribute("table"), joined, first.layer, done)
    name = fresh(f"{node}.gather", done)
    done[name] = replace(
        first, kind="gather", attributes=(), inputs=tuple(column), state=(), random=None, batch=len(column)
    )
    done[name] = replace(done[name], layer=done[node].layer)
    return name


def _pairs(value: Value) -> tuple[tuple[Value, ...], ...]:
    """The rows of `factors` for one vector."""
    rows = value if isinstance(value, tuple) else ()
    return tuple(row if isinstance(row, tuple) else (row,) for row in rows)


def _factors(node: str, table: Value, entries: Value, layer: str, done: Applications) -> str:
    name = fresh(f"{node}.factors", done)
    size = len(entries) if isinstance(entries, tuple) else 1
    done[name] = Application("factors", (("table", table), ("entries", entries)), (), (size,), layer)
    return name
