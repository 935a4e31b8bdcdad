"""Work whose result is known, or is not used, is left out.

* `none` adds nothing to a sum or to a mixed edge. A mix keeps the columns of the others, so that `none` still has its
  share in the softmax; its own gradient was a sum over zeros. Where nothing else is left, or only the zeros have the
  full size, they stay.
* The identity, and a sum, mean, product or concatenation of one input, are their input. A ReLU of a ReLU is that.
* What the output does not need goes (the lowering computes none of it at any level).

Exact: what is left out is a zero term, or an operation that gives its input bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.kinds import MIX, SUM, kind_of
from dartsl.graph.operations import Application
from dartsl.graph.passes.base import NOTHING, PURE, Pass
from dartsl.graph.rewrite import Applications, rewrite


@dataclass(frozen=True)
class Dead(Pass):
    """The graph without work that changes nothing."""

    name = "dead"
    requires = PURE
    ensures = NOTHING

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        return rewrite(graph, _step)


def _step(node: str, applied: Application, done: Applications) -> str | Application:
    kind = kind_of(applied)
    if kind.has("identity"):
        return applied.inputs[0]
    if kind.has("idempotent") and _alike(applied, done[applied.inputs[0]]):
        return applied.inputs[0]
    if applied.kind == SUM:
        applied = replace(applied, inputs=_without_zeros(applied, done))
    if kind.has("alone") and len(applied.inputs) == 1:
        return applied.inputs[0]
    if applied.kind == MIX:
        return _mixed(applied, done)
    return applied


def _alike(one: Application, other: Application) -> bool:
    return (one.kind, one.attributes) == (other.kind, other.attributes)


def _without_zeros(applied: Application, done: Applications) -> tuple[str, ...]:
    """The terms of a sum that are not zeros, where they have the size of the sum without them."""
    rest = tuple(source for source in applied.inputs if not kind_of(done[source]).has("zero"))
    if any(done[source].shape == applied.shape for source in rest):
        return rest
    return applied.inputs


def _mixed(applied: Application, done: Applications) -> Application:
    attributes = dict(applied.attributes)
    columns = attributes.get("columns", tuple(range(len(applied.inputs))))
    if not isinstance(columns, tuple):
        raise TypeError(f"the columns of a mix are {columns!r}")
    kept = [place for place, source in enumerate(applied.inputs) if not kind_of(done[source]).has("zero")]
    if not kept:
        kept = [0]
    if len(kept) == len(applied.inputs):
        return applied
    attributes["columns"] = tuple(columns[place] for place in kept)
    inputs = tuple(applied.inputs[place] for place in kept)
    return replace(applied, inputs=inputs, attributes=tuple(attributes.items()))
