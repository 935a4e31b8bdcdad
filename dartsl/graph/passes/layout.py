"""The images lie in memory as the target's kernels like them: channels together, where it says so.

The image is laid out once; what follows keeps the layout. It is renewed after what may lose it: an operation from
outside (a plugin), zeros and noise, which are made anew, and a concatenation that broadcasts.

A concatenation of sums, such as a cell's output, becomes `side_by_side`, which lays its gradient out for their terms.

On a CPU a strided 1 x 1 convolution becomes a plain one of every stride-th pixel, which all of a layer share. The
library's weight gradient of a strided one, channels together, writes beyond its memory where several threads share an
odd number of images and the channels are not a multiple of 16.

Exact: no number changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.kinds import CONCAT, INPUT, kind_of
from dartsl.graph.operations import Application, Value, info
from dartsl.graph.passes.base import NOTHING, PURE, Pass
from dartsl.graph.rewrite import Applications, applications, assemble, fresh, renamed

FORMAT = (("format", "channels_last"),)

# Every stride-th pixel of a value, for a layer: (source, stride, layer) -> id.
Pixels = dict[tuple[str, Value, str], str]


@dataclass(frozen=True)
class Layout(Pass):
    """The graph with a `layout` where images enter and where one may be lost; strides as the target takes them."""

    name = "layout"
    requires = PURE
    ensures = NOTHING
    pixels_first: bool = True

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        before = applications(graph)
        done: Applications = {}
        names: dict[str, str] = {}  # the id of each laid out value
        pixels: Pixels = {}
        for node, applied in before.items():
            if applied.kind == "layout":
                done[node] = applied
                continue
            for source in set(applied.inputs) - set(names):
                if _may_lose(before[source], before):
                    names[source] = fresh(f"{source}.layout", before)
                    done[names[source]] = _layout(source, before[source], applied.layer)
            laid = renamed(_beside(applied, before), names)
            done[node] = _unstrided(laid, pixels, before, done) if self.pixels_first else laid
        return assemble(done, info(graph))


def _beside(applied: Application, before: Mapping[str, Application]) -> Application:
    """A concatenation of sums as `side_by_side`: their terms get its gradient (dartsl/nn/fused.py)."""
    sources = [before[source] for source in applied.inputs]
    sizes = {source.shape[1:] for source in sources}
    if applied.kind != CONCAT or len(applied.shape) != 3 or len(sizes) > 1:
        return applied
    return replace(applied, kind="side_by_side") if any(kind_of(s).has("adds") for s in sources) else applied


def _unstrided(
    applied: Application, pixels: Pixels, before: Mapping[str, Application], done: Applications
) -> Application:
    """A strided 1 x 1 convolution as a plain one of the pixels that it reads, which stand in `done` then."""
    attributes, kind = dict(applied.attributes), kind_of(applied)
    stride = attributes.get("stride", (1, 1))
    if not kind.has("kernel") or kind.has("depthwise") or attributes["k"] != 1 or stride == (1, 1):
        return applied
    (source,) = applied.inputs
    key = (source, stride, applied.layer)
    if key not in pixels:
        pixels[key] = name = fresh(f"{source}.pixels", {**before, **done})
        shape = (done[source].shape[0], *applied.shape[1:])
        attribute = (("stride", stride),)
        done[name] = Application("subsample", attribute, (source,), shape, applied.layer, batch=applied.batch)
    geometry = (("stride", (1, 1)), ("padding", (0, 0)), ("dilation", (1, 1)), ("groups", 1))
    return replace(applied, kind="convolution", attributes=geometry, inputs=(pixels[key],))


def _may_lose(applied: Application, before: Mapping[str, Application]) -> bool:
    """Whether what an application gives may lie in another order."""
    if len(applied.shape) != 3:
        return False
    if applied.kind == CONCAT:
        return len({before[source].shape[1:] for source in applied.inputs}) > 1
    return kind_of(applied).has("anew", "opaque")


def _layout(source: str, given: Application, reader: str) -> Application:
    layer = reader if given.kind == INPUT else given.layer
    return Application("layout", FORMAT, (source,), given.shape, layer, batch=given.batch)
