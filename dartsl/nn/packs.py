"""Which applications of a layer share a pack: kernels of stacks, and mixing weights of batch norms, put together once.

The lowering writes the packs in front of a layer's applications; each of these reads its part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import getitem

from torch import fx, nn

from dartsl.graph.operations import Application, Value
from dartsl.nn import packing

Packed = dict[str, dict[str, fx.Node]]  # an application's id -> keyword -> what it reads

# The kinds that read a pack, and those of their attributes that say which part.
PACKED: Mapping[str, tuple[str, ...]] = {
    "scaled_bn": ("table", "row", "column"),
    "scaled_bn_stack": ("table", "entries"),
    "scaled_pooled": ("table", "entries"),
    "scaled_separable": ("table", "entries"),
    "scaled_separable_sum": ("table", "entries"),
}


@dataclass
class Packs:
    """The packs of one layer; `members` are its applications in order, `weights` the mixing weights of its tables,
    taken apart already where `each` says so."""

    code: fx.Graph
    members: Mapping[str, Application]
    modules: Mapping[str, nn.Module]
    weights: Mapping[str, fx.Node]
    each: bool = False
    found: Packed = field(default_factory=dict)

    def run(self) -> Packed:
        """What each application reads, by its id. The packs stand in `code` afterwards."""
        convolutions: dict[tuple[int, ...], list[str]] = {}
        gains: dict[tuple[str, int], list[str]] = {}
        for node, applied in self.members.items():
            if applied.kind == "convolution" and len(applied.state) == 1:
                self.found[node] = {"weight": self.code.get_attr(f"{self.path(node, 0)}.weight")}
            elif applied.kind == "convolution":
                alike = packing.weight_of(self.modules[applied.state[0]]).shape[1:]
                convolutions.setdefault(tuple(alike), []).append(node)
            elif applied.kind in PACKED:
                width = width_of(applied)
                gains.setdefault((str(applied.attribute("table")), width), []).append(node)
        for nodes in convolutions.values():
            self.kernels(nodes)
        for (table, width), nodes in gains.items():
            self.gains(table, width, nodes)
        return self.found

    def kernels(self, nodes: list[str]) -> None:
        """The weights of stacks whose kernels are alike."""
        state = tuple(
            self.code.get_attr(self.path(node, place))
            for node in nodes
            for place in range(len(self.members[node].state))
        )
        sizes = tuple(len(self.members[node].state) for node in nodes)
        pack = self.code.create_node("call_function", packing.kernels, (state, sizes), name="kernels")
        self.share(pack, nodes, "weight")

    def gains(self, table: str, width: int, nodes: list[str]) -> None:
        """The mixing weights of one table that batch norms of one width take."""
        entries = [entries_of(self.members[node]) for node in nodes]
        arguments = (
            self.weights[table] if self.each else one_by_one(self.code, self.weights[table]),
            tuple(entry for each in entries for entry in each),
            width,
            tuple(len(each) for each in entries),
        )
        pack = self.code.create_node("call_function", packing.gains, arguments, name=f"{table}_gains")
        self.share(pack, nodes, "gain")

    def share(self, pack: fx.Node, nodes: list[str], keyword: str) -> None:
        for place, node in enumerate(nodes):
            part = self.code.create_node("call_function", getitem, (pack, place), name=f"{pack.name}_part")
            self.found[node] = {keyword: part}

    def path(self, node: str, place: int) -> str:
        applied = self.members[node]
        return applied.state[place].removeprefix(f"{applied.layer}.")


def entries_of(applied: Application) -> tuple[Value, ...]:
    """The places of the mixing weights that a batch norm, or several side by side, take."""
    if applied.kind == "scaled_bn":
        return ((applied.attribute("row"), applied.attribute("column")),)
    entries = applied.attribute("entries")
    return entries if isinstance(entries, tuple) else ()


def width_of(applied: Application) -> int:
    """The channels of one batch norm of those that are computed together."""
    match dict(applied.attributes).get("chains"):
        case (((*_, (*_, int() as width)), *_), *_):  # of each chain the stages, of the last stage the width
            return width
    return applied.shape[0] // len(entries_of(applied))


def one_by_one(code: fx.Graph, weights: fx.Node) -> fx.Node:
    """The mixing weights of a table taken apart, once in a layer."""
    known = [user for user in weights.users if user.target is packing.rows]
    return (
        known[0]
        if known
        else code.create_node("call_function", packing.rows, (weights,), name=f"{weights.name}_each")
    )
