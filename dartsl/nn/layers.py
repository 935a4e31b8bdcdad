"""The layers of an operation graph: what each computes, what enters it, and what leaves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import networkx as nx

from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import Application, GraphInfo, application
from dartsl.nn.scan import ScanParts, scan_parts

PASS = "pass_"  # the parameter by which the pass comes in, of networks, layers and modules


@dataclass(frozen=True)
class Layer:
    """The applications of one layer, with what enters and what leaves it (ids of applications).

    tables    of mixing weights that it uses, by name
    borrowed  paths of embeddings in other layers whose matrices it takes
    passed    it takes the pass (of a scan layer: its step does)
    scan      the parts of a layer that runs along a sequence
    carries   of such a layer all, which its cell need not read
    """

    name: str
    members: tuple[str, ...]
    reads: tuple[str, ...]
    tables: tuple[str, ...]
    gives: tuple[str, ...]
    borrowed: tuple[str, ...] = ()
    passed: bool = False
    scan: ScanParts | None = None
    carries: tuple[str, ...] = ()


def layers_of(graph: nx.DiGraph, record: GraphInfo) -> dict[str, Layer]:
    """The layers in order. Within one, applications keep the order in which they were added to the graph."""
    place = {node: number for number, node in enumerate(graph)}
    needed = nx.ancestors(graph, record.output) | {record.output}
    order = [
        node for node in nx.lexicographical_topological_sort(graph, key=place.__getitem__) if node in needed
    ]
    members: dict[str, list[str]] = {layer: [] for layer, _ in record.layers}
    leaving = {record.output}
    for node in order:
        if node == record.input:
            continue
        applied = application(graph, node)
        if applied.kind == "bundle":  # of values of several layers: the network's own
            leaving.update(applied.inputs)
            continue
        members[applied.layer].append(node)
        leaving.update(
            s for s in applied.inputs if s != record.input and application(graph, s).layer != applied.layer
        )
    found = {
        layer: _described(layer, {node: application(graph, node) for node in nodes}, record, leaving, place)
        for layer, nodes in members.items()
    }
    return {name: layer for name, layer in found.items() if layer.members}


def _described(
    layer: str,
    members: Mapping[str, Application],
    record: GraphInfo,
    leaving: set[str],
    place: Mapping[str, int],
) -> Layer:
    """What a layer is, from its applications; `place` orders what enters it."""
    here = members.values()
    entering = {source for applied in here for source in applied.inputs if source not in members}
    scan = scan_parts(members) if any(applied.kind == "sequence" for applied in here) else None
    inside = here if scan is None else [members[node] for node in scan.inside]
    mixed = {dict(applied.attributes).get("table") for applied in inside}
    return Layer(
        layer,
        tuple(members),
        tuple(sorted(entering, key=place.__getitem__)),
        tuple(table.name for table in record.alphas if table.name in mixed),
        tuple(node for node in members if node in leaving),
        _once(path for applied in here for path in applied.state if path.split(".")[0] != layer),
        any(map(depends_on_pass, inside)),
        scan,
        tuple(carry for carry in record.carries if carry.split(".")[0] == layer),
    )


def depends_on_pass(applied: Application) -> bool:
    """Whether what computes an application takes the pass: what is random, what normalises, and a plugin's module."""
    kind = kind_of(applied)
    return kind.random or kind.has("normalises", "opaque")


def _once(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(paths))


def short(path: str, layer: str) -> str:
    """A path as it is seen from within its layer."""
    return path.removeprefix(f"{layer}.")
