"""Mixing is folded into the sum of a node, and mixing weights into batch norms.

* A `mix` and the `sum` that alone reads it become one `combine`, so that a node adds the candidates of all its edges in
  one place. A sum that only such a sum reads goes in as well.
* A batch norm without affine that only a mix reads, times its mixing weight alpha, is a batch norm with the weight
  alpha: `scaled_bn`. Nothing is left to multiply, and the product is not kept for the backward pass.

Exact: the sum is associative up to rounding, and (x - mean) / deviation * alpha is what batch norm computes with alpha
as its weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.kinds import MIX, SUM, is_plain_norm
from dartsl.graph.operations import Application, GraphInfo, Value, info
from dartsl.graph.passes.base import PURE, Pass
from dartsl.graph.rewrite import Applications, rewrite, users

Entry = tuple[Value, ...]  # (row, column) of the mixing weights, or () for a term that is added as it is


@dataclass(frozen=True)
class Fold(Pass):
    """The graph with sums over mixes as `combine`, and `scaled_bn` where a weight goes into a batch norm."""

    name = "fold"
    requires = PURE
    ensures = frozenset({"folded"})
    joins = True

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        record, readers = info(graph), users(graph)

        def step(node: str, applied: Application, done: Applications) -> str | Application:
            if applied.kind not in (MIX, SUM):
                return applied
            folded = (
                _mixed(applied, done, readers, record)
                if applied.kind == MIX
                else _summed(applied, done, readers)
            )
            if isinstance(folded, str):  # who read this one reads that one now
                readers[folded] = [*(reader for reader in readers[folded] if reader != node), *readers[node]]
            return folded

        return rewrite(graph, step)


def _mixed(
    applied: Application, done: Applications, readers: Mapping[str, list[str]], record: GraphInfo
) -> str | Application:
    """A mix as a `combine`; its batch norms that nothing else reads take their weights themselves."""
    table, row = applied.attribute("table"), applied.attribute("row")
    columns = dict(applied.attributes).get("columns", tuple(range(len(applied.inputs))))
    if not isinstance(columns, tuple):
        raise TypeError(f"the columns of a mix are {columns!r}")
    entries: list[Entry] = []
    for source, column in zip(applied.inputs, columns, strict=True):
        given = done[source]
        if len(readers[source]) == 1 and given.layer == applied.layer and is_plain_norm(given, record):
            attributes = (("table", table), ("row", row), ("column", column))
            done[source] = replace(given, kind="scaled_bn", attributes=attributes)
            entries.append(())
        else:
            entries.append((row, column))
    return combined(applied, applied.inputs, entries, table)


def _summed(applied: Application, done: Applications, readers: Mapping[str, list[str]]) -> str | Application:
    """A sum with the terms of the mixes and sums that only it reads in their place, all mixes of one table."""
    inputs: list[str] = []
    entries: list[Entry] = []
    table: Value | None = None
    for source in applied.inputs:
        given = done[source]
        own = (
            len(readers.get(source, ())) == 1
            and given.layer == applied.layer
            and given.shape == applied.shape
        )
        its_table = dict(given.attributes).get("table") if given.kind == "combine" else table
        if own and given.kind in ("combine", SUM) and table in (None, its_table):
            table = its_table
            inputs.extend(given.inputs)
            entries.extend(entries_of(given))
        else:
            inputs.append(source)
            entries.append(())
    return combined(applied, tuple(inputs), entries, table)


def entries_of(applied: Application) -> tuple[Entry, ...]:
    """The entries of a `combine`, or of a sum."""
    if applied.kind == SUM:
        return ((),) * len(applied.inputs)
    return tuple(
        each if isinstance(each, tuple) else (each,) for each in _tuple(applied.attribute("entries"))
    )


def _tuple(value: Value) -> tuple[Value, ...]:
    return value if isinstance(value, tuple) else (value,)


def combined(
    applied: Application, inputs: tuple[str, ...], entries: list[Entry], table: Value | None
) -> str | Application:
    """In place of `applied`: the input itself where it is the only one and not weighted, a sum, or a `combine`."""
    if any(entries):
        attributes: tuple[tuple[str, Value], ...] = (("table", table or ""), ("entries", tuple(entries)))
        return replace(applied, kind="combine", attributes=attributes, inputs=inputs)
    if len(inputs) == 1:
        return inputs[0]
    return replace(applied, kind=SUM, attributes=(), inputs=inputs)
