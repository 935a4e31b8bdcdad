"""The matrix product of a highway falls into that of the element and that of the carry.

The element's half does not depend on the carry: the lowering computes it for the whole sequence, in one product in
place of one for each time step. What is left of a step is the carry's half, added to it, and the `gates`.

Exact: [x, h] W = x W_x + h W_h, with W_x and W_h the rows of W that x and h meet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.operations import Application
from dartsl.graph.passes.base import NOTHING, PURE, Pass
from dartsl.graph.rewrite import Applications, fresh, rewrite


@dataclass(frozen=True)
class Highway(Pass):
    """The graph with two products for each `highway`."""

    name = "highway"
    requires = PURE
    ensures = NOTHING

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        return rewrite(graph, _step)


def _step(node: str, applied: Application, done: Applications) -> str | Application:
    if applied.kind != "highway":
        return applied
    element, carry, past = applied.inputs
    shape, middle = (2 * applied.shape[0],), done[element].shape[0]
    end = middle + done[carry].shape[0]
    product = ""
    for source, rows in ((element, (0, middle)), (carry, (middle, end))):
        weights = fresh(f"{node}.weights", done)
        size = (shape[0], rows[1] - rows[0])
        done[weights] = Application("weights", (("rows", rows),), (), size, applied.layer, applied.state)
        inputs = (source, weights, product) if product else (source, weights)
        product = fresh(f"{node}.multiply", done)
        done[product] = replace(applied, kind="multiply", attributes=(), inputs=inputs, shape=shape, state=())
    return replace(applied, kind="gates", attributes=(), inputs=(product, past), state=())
