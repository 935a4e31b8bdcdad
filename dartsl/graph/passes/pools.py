"""Pools of one source become one application, each with the batch norm after it.

A GPU reads the source once for all of them (dartsl/nn/kernels): one kernel gives the pools and the statistics of the
batch, another one normalises, and one gives the gradient of the source, which then needs no sum.

* What is pooled alike (one side of the kernel, one stride) goes together; a `piece` of it is what a batch norm gave.
* The result of a pool is read by its batch norm alone, which has no parameters of its own.

Exact: the same operations are applied in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.kinds import is_plain_norm, kind_of
from dartsl.graph.operations import Application, GraphInfo, Value, info
from dartsl.graph.passes.base import NOTHING, PURE, Pass
from dartsl.graph.rewrite import Applications, applications, assemble, fresh, users

_Alike = tuple[
    str, str, str, Value, Value, Value
]  # source, layer, kind of norm, its table, side and stride of pools


@dataclass(frozen=True)
class Pools(Pass):
    """The graph with pools and their batch norms as `pooled`, or as `scaled_pooled` with mixing weights."""

    name = "pools"
    requires = PURE
    ensures = NOTHING
    joins = True

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        before = applications(graph)
        done, groups = dict(before), _groups(before, users(graph), info(graph))
        for norms in groups.values():
            _join(norms, before, done)
        return assemble(done, info(graph))


def _groups(
    before: Applications, readers: Mapping[str, Sequence[str]], record: GraphInfo
) -> dict[_Alike, list[str]]:
    """The batch norms after pools, those together that may be one."""
    found: dict[_Alike, list[str]] = {}
    for node, norm in before.items():
        scaled = norm.kind == "scaled_bn"
        if not (scaled or is_plain_norm(norm, record)):
            continue
        pool, attributes = before[norm.inputs[0]], dict(before[norm.inputs[0]].attributes)
        k = attributes.get("k")
        alone = list(readers[norm.inputs[0]]) == [node] and pool.layer == norm.layer
        if not (alone and kind_of(pool).has("pool") and isinstance(k, int) and k % 2):
            continue
        table = norm.attribute("table") if scaled else ""
        kind = "scaled_pooled" if scaled else "pooled"
        alike = (pool.inputs[0], norm.layer, kind, table, k, attributes.get("stride", (1, 1)))
        found.setdefault(alike, []).append(node)
    return found


def _join(norms: Sequence[str], before: Applications, done: Applications) -> None:
    """Put pieces of what computes some pools in place of the batch norms after them."""
    given = [before[node] for node in norms]
    pools = [before[norm.inputs[0]] for norm in given]
    rows = tuple((pool.kind, len(norm.state)) for pool, norm in zip(pools, given, strict=True))
    geometry = dict(pools[0].attributes)
    attributes: tuple[tuple[str, Value], ...] = (
        ("pools", rows),
        ("k", geometry["k"]),
        ("stride", geometry.get("stride", (1, 1))),
    )
    scaled = given[0].kind == "scaled_bn"
    if scaled:
        entries = tuple((norm.attribute("row"), norm.attribute("column")) for norm in given)
        attributes = (("table", given[0].attribute("table")), ("entries", entries), *attributes)
    name = fresh(f"{norms[0]}.pools", done)
    width, *sizes = given[0].shape
    done[name] = replace(
        given[0],
        kind="scaled_pooled" if scaled else "pooled",
        attributes=attributes,
        inputs=pools[0].inputs,
        shape=(len(norms) * width, *sizes),
        state=tuple(path for norm in given for path in norm.state),
    )
    for place, node in enumerate(norms):
        done[node] = Application(
            "piece",
            (("index", place),),
            (name,),
            given[place].shape,
            given[place].layer,
            batch=given[place].batch,
        )
