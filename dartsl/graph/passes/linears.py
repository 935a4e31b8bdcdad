"""Matrices without bias that are applied to the same vector are applied at once: one product with them side by side.

`weights` is the matrices side by side, put together once a pass, since no matrix changes along a sequence;
`multiply` is the product, and `split` takes it apart. So the two matrices of a recurrent node cost one product.

It applies to `linear` layers of one layer on the same vectors, a stack of vectors included.

Exact: rows of a matrix are independent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import Application, info
from dartsl.graph.passes.base import NOTHING, PURE, Pass
from dartsl.graph.rewrite import Applications, applications, assemble, fresh


@dataclass(frozen=True)
class Linears(Pass):
    """The graph with one product for the linear layers on each vector."""

    name = "linears"
    requires = PURE
    ensures = NOTHING
    joins = True

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        done = applications(graph)
        groups: dict[tuple[str, str], list[str]] = {}
        for node, applied in done.items():
            if kind_of(applied).has("matrix") and len(applied.state) == 1 and _is_plain(applied, done):
                groups.setdefault((applied.inputs[0], applied.layer), []).append(node)
        for (source, _), members in groups.items():
            if len(members) > 1:
                _merge(source, members, done)
        return assemble(done, info(graph))


def _is_plain(applied: Application, done: Applications) -> bool:
    """Whether this is a matrix alone, on vectors."""
    shapes = (applied.shape, done[applied.inputs[0]].shape)
    return dict(applied.attributes).get("bias") is False and all(len(shape) == 1 for shape in shapes)


def _merge(source: str, members: list[str], done: Applications) -> None:
    first = done[members[0]]
    sizes = tuple(done[member].shape[0] for member in members)
    state = tuple(done[member].state[0] for member in members)
    weights = fresh(f"{members[0]}.weights", done)
    done[weights] = Application("weights", (), (), (sum(sizes), done[source].shape[0]), first.layer, state)
    product = fresh(f"{members[0]}.multiply", done)
    done[product] = replace(
        first, kind="multiply", attributes=(), inputs=(source, weights), shape=(sum(sizes),), state=()
    )
    split = fresh(f"{members[0]}.split", done)
    done[split] = replace(done[product], kind="split", attributes=(("sizes", sizes),), inputs=(product,))
    for place, member in enumerate(members):
        done[member] = replace(
            done[member], kind="piece", attributes=(("index", place),), inputs=(split,), state=()
        )
