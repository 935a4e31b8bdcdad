"""Vertical fusion: [ReLU] > depthwise > pointwise > batch norm becomes one application, and two of them in a row too.

A GPU computes each stage of a `separable` in one kernel (dartsl/nn/kernels), which writes the result of the pointwise
convolution alone: the ReLU, the result of the depthwise convolution and the normalised one are computed where they are
read. `stack` puts what this pass makes side by side, without copies of what several of them read.

* What is inside of one is read by nothing else; a ReLU may be, and then stays for its other readers.
* Channels are at most `width`, as many as a tile of the kernels holds.

Exact: the same operations are applied in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import networkx as nx

from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import Application, Value, info
from dartsl.graph.passes.base import NOTHING, PURE, Pass
from dartsl.graph.rewrite import Applications, applications, assemble, users

Attributes = tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Fuse(Pass):
    """The graph with stages of separable convolutions as `separable`, or as `scaled_separable` with a mixing weight."""

    name = "fuse"
    requires = PURE
    ensures = NOTHING
    width: int = 128

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        done = applications(graph)
        search = _Search(dict(done), users(graph), self.width)
        for node, applied in search.before.items():
            found = search.stage(applied)
            if found is not None:
                done[node] = search.found[node] = _joined(search, found)
        return assemble(done, info(graph))


@dataclass(frozen=True)
class _Search:
    before: Applications
    readers: Mapping[str, list[str]]
    width: int
    found: Applications = field(default_factory=dict)  # what has become one, by the id of its batch norm

    def stage(self, norm: Application) -> Application | None:
        """The stage that ends in a batch norm, as a `separable` of one; None where none does."""
        scaled = norm.kind == "scaled_bn"
        if not (scaled or kind_of(norm).has("batch_norm")) or len(norm.state) != 1 or len(norm.shape) != 3:
            return None
        point = self.inside(norm)
        depth = None if point is None else self.inside(point)
        if point is None or depth is None or not _is_pointwise(point):
            return None
        geometry = _geometry(depth)
        source = depth.inputs[0]
        if geometry is None or max(norm.shape[0], self.before[source].shape[0]) > self.width:
            return None
        relu = kind_of(self.before[source]).has("rectifies") and self.before[source].layer == norm.layer
        rows = ((relu, *geometry, norm.shape[0]),)
        attributes: Attributes = (("stages", rows), ("sources", (0,)))
        if scaled:
            entry = (norm.attribute("row"), norm.attribute("column"))
            attributes = (("table", norm.attribute("table")), ("entries", (entry,)), *attributes)
        return replace(
            norm,
            kind="scaled_separable" if scaled else "separable",
            attributes=attributes,
            inputs=self.before[source].inputs if relu else (source,),
            state=(*depth.state, *point.state, *norm.state),
        )

    def inside(self, applied: Application) -> Application | None:
        """What an application of one input alone reads, in its own layer."""
        source = applied.inputs[0]
        given = self.before[source]
        alone = (
            len(self.readers[source]) == 1 and given.layer == applied.layer and given.batch == applied.batch
        )
        return given if alone and len(given.inputs) == len(given.state) == 1 else None


def _joined(search: _Search, stage: Application) -> Application:
    """A stage with those before it that only it reads, at most one ReLU between two."""
    (source,) = stage.inputs
    before = search.found.get(source)
    if before is None or before.kind != "separable" or before.layer != stage.layer:
        return stage
    readers = search.readers[source]
    if len(readers) != 1:
        return stage
    reader = search.before.get(readers[0])
    if reader is None or (kind_of(reader).has("rectifies") and len(search.readers[readers[0]]) != 1):
        return stage
    rows = (*_rows(before), *_rows(stage))
    attributes = tuple((name, rows if name == "stages" else value) for name, value in stage.attributes)
    state = (*before.state, *stage.state)
    return replace(stage, attributes=attributes, inputs=before.inputs, state=state)


def _rows(applied: Application) -> tuple[Value, ...]:
    rows = applied.attribute("stages")
    return rows if isinstance(rows, tuple) else ()


def _is_pointwise(applied: Application) -> bool:
    attributes, kind = dict(applied.attributes), kind_of(applied)
    dense = kind.has("kernel") and not kind.has("depthwise")
    return dense and attributes["k"] == 1 and attributes.get("stride", (1, 1)) == (1, 1)


def _geometry(applied: Application) -> tuple[Value, ...] | None:
    """Kernel, stride, padding and dilation of a depthwise convolution; None for anything else."""
    attributes = dict(applied.attributes)
    if not kind_of(applied).has("depthwise"):
        return None
    k, dilation = attributes["k"], attributes.get("dilation", 1)
    if not isinstance(k, int) or not isinstance(dilation, int):
        return None
    padding = (k - 1) // 2 * dilation
    return (k, k), attributes.get("stride", (1, 1)), (padding, padding), (dilation, dilation)
