"""Work whose result is known, or is not used, is left out.

* `none` adds nothing to a sum or to a mixed edge. A mix keeps the columns of the others, so that `none` still has its
  share in the softmax; its own gradient was a sum over zeros. Where nothing else is left, or only the zeros have the
  full size, they stay.
* The identity, and a sum, mean, product or concatenation of one input, are their input. A ReLU of a ReLU is that.
* What the output does not need goes (the lowering computes none of it at any level).

Exact: what is left out is a zero term, or an operation that gives its input bit for bit.
"""

from __future__ import annotations

from dataclasses import replace

import networkx as nx

from dartsl.graph.operations import Application
from dartsl.graph.rewrite import Applications, rewrite
from dartsl.graph.target import Target

OF_ONE = frozenset({"sum", "mean", "product", "concat"})


def run(graph: nx.DiGraph, target: Target) -> nx.DiGraph:
    """The graph without work that changes nothing."""
    return rewrite(graph, _step)


def _step(node: str, applied: Application, done: Applications) -> str | Application:
    if applied.kind == "identity":
        return applied.inputs[0]
    if applied.kind == "relu" and done[applied.inputs[0]].kind == "relu":
        return applied.inputs[0]
    if applied.kind == "sum":
        applied = replace(applied, inputs=_without_zeros(applied, done))
    if applied.kind in OF_ONE and len(applied.inputs) == 1:
        return applied.inputs[0]
    if applied.kind == "mix":
        return _mixed(applied, done)
    return applied


def _without_zeros(applied: Application, done: Applications) -> tuple[str, ...]:
    """The terms of a sum that are no zeros, where they have the size of the sum without them."""
    rest = tuple(source for source in applied.inputs if done[source].kind != "none")
    if any(done[source].shape == applied.shape for source in rest):
        return rest
    return applied.inputs


def _mixed(applied: Application, done: Applications) -> Application:
    attributes = dict(applied.attributes)
    columns = attributes.get("columns", tuple(range(len(applied.inputs))))
    if not isinstance(columns, tuple):
        raise TypeError(f"the columns of a mix are {columns!r}")
    kept = [place for place, source in enumerate(applied.inputs) if done[source].kind != "none"]
    if not kept:
        kept = [0]
    if len(kept) == len(applied.inputs):
        return applied
    attributes["columns"] = tuple(columns[place] for place in kept)
    inputs = tuple(applied.inputs[place] for place in kept)
    return replace(applied, inputs=inputs, attributes=tuple(attributes.items()))
