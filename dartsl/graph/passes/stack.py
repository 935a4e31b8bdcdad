"""Horizontal fusion: 1 x 1 convolutions with their batch norms that do not depend on each other run as one.

All edges that leave a node offer the same operations, and the nodes that a cell reads do not depend on each other: so a
graph falls into levels of chains that look alike. A pair conv(1) > bn (without affine) has the level of the pairs
before it in its layer; pairs of one level, with equal shapes, become one `conv_bn_stack`, with the ReLU behind them
where each has one. Its results are read as `piece`s, which are views.

* The convolution gives no fewer channels than it takes, and takes no more than there are pixels; its batch norm alone
  reads it.

Exact: as in passes/pointwise.py; what runs together is independent, since whatever depends on a pair in its layer has a
higher level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

import networkx as nx

from dartsl.graph.operations import Application, GraphInfo, Value, info
from dartsl.graph.passes.fold import is_plain
from dartsl.graph.passes.pointwise import is_pointwise
from dartsl.graph.rewrite import Applications, applications, assemble, fresh, users
from dartsl.graph.target import Target

Key = tuple[Value, ...]


def run(graph: nx.DiGraph, target: Target) -> nx.DiGraph:
    """The graph with pairs conv(1) > bn of one level as `conv_bn_stack`."""
    before, readers, record = applications(graph), users(graph), info(graph)
    groups: dict[Key, list[str]] = {}
    levels: dict[str, int] = {}
    for node, applied in before.items():
        inside = [s for s in applied.inputs if before[s].layer == applied.layer]
        level = max((levels[source] for source in inside), default=0)
        pair = _is_pair(applied, before, readers, record)
        levels[node] = level + pair
        if pair:
            read = before[before[applied.inputs[0]].inputs[0]]
            relu = _relu(node, before, readers) is not None
            key = (applied.layer, level, read.shape, applied.shape, applied.batch, relu)
            groups.setdefault(key, []).append(node)
    done = dict(before)
    for members in groups.values():
        if len(members) > 1:
            _stack(members, before, readers, done)
    return assemble(done, record)


def _is_pair(
    applied: Application, before: Applications, readers: Mapping[str, Sequence[str]], record: GraphInfo
) -> bool:
    """Whether this is a batch norm without affine behind a 1 x 1 convolution that it alone reads."""
    if len(applied.state) != 1 or len(applied.shape) != 3 or not is_plain(applied, record):
        return False
    convolution = before[applied.inputs[0]]
    if not is_pointwise(convolution) or len(readers[applied.inputs[0]]) != 1:
        return False
    width = before[convolution.inputs[0]].shape[0]
    pixels = prod(applied.shape[1:]) * applied.batch
    return convolution.layer == applied.layer and width <= min(applied.shape[0], pixels)


def _relu(node: str, before: Applications, readers: Mapping[str, Sequence[str]]) -> str | None:
    """The ReLU that alone reads an application, if there is one."""
    if len(readers[node]) != 1 or not readers[node][0]:
        return None
    (reader,) = readers[node]
    return reader if before[reader].kind == "relu" and before[reader].layer == before[node].layer else None


def _stack(
    members: Sequence[str],
    before: Applications,
    readers: Mapping[str, Sequence[str]],
    done: Applications,
) -> None:
    """One application for the pairs of a group, and a piece of it under the id that each result had."""
    first = before[members[0]]
    convolutions = [before[before[node].inputs[0]] for node in members]
    relus = [_relu(node, before, readers) for node in members]
    name = fresh(f"{members[0]}.stack", done)
    done[name] = replace(
        first,
        kind="conv_bn_stack",
        attributes=(("relu", relus[0] is not None),),
        inputs=tuple(convolution.inputs[0] for convolution in convolutions),
        state=tuple(
            path
            for node, convolution in zip(members, convolutions, strict=True)
            for path in (*convolution.state, *before[node].state)
        ),
    )
    for index, (node, relu) in enumerate(zip(members, relus, strict=True)):
        done[relu or node] = replace(
            first, kind="piece", attributes=(("index", index),), inputs=(name,), state=()
        )
