"""What is to be watched of a lowered network, from its code and the graph that it was written from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Protocol

import networkx as nx
from torch import fx, nn
from torch.nn.modules.batchnorm import _NormBase

from dartsl.graph.checks import STAGE
from dartsl.graph.operations import Application, application, info
from dartsl.nn import extern
from dartsl.nn.layers import Layer, short
from dartsl.nn.single import parts_of
from dartsl.nn.watch import Baseline, Made

SUMS = frozenset({"separable_sum", "scaled_separable_sum"})
# All other batch norms with several modules are merged.
STACKED = frozenset({"bn_stack", "scaled_bn_stack", "separable", "scaled_separable"}) | SUMS


class Laid(Protocol):
    """A lowering, of which the layers are known."""

    graph: nx.DiGraph
    layers: dict[str, Layer]


def baselines(
    network: fx.GraphModule, written: Laid, plain: Laid, modules: Mapping[str, nn.Module]
) -> dict[str, Baseline]:
    """By layer, the modules that its code reads without calling them as often as the plain code, or calls with the
    pass; and which batch norms go together."""
    graph, calls = written.graph, _calls(network)
    asked = Counter(
        application(plain.graph, node).state[0]
        for layer in plain.layers.values()
        for node in layer.members
        if application(plain.graph, node).state
    )
    written_over = _written_over(graph)
    called = {path for path, count in calls.items() if count == asked[path] and path not in written_over}
    merged: dict[str, list[tuple[str, ...]]] = {name: [] for name, _ in info(graph).layers}
    stacked: dict[str, list[tuple[str, ...]]] = {name: [] for name in merged}
    for node in graph:
        applied = application(graph, node)
        groups = stacked if applied.kind in STACKED else merged
        for paths in _norms(applied, modules):
            if len(paths) > 1:
                groups[applied.layer].append(tuple(short(path, applied.layer) for path in paths))
    made: dict[str, dict[str, Made]] = {name: {} for name in merged}
    for path, module in modules.items():
        layer = path.partition(".")[0]
        if path not in called:
            made[layer][short(path, layer)] = Made.of(module)
        elif isinstance(module, extern.OWN):
            made[layer][short(path, layer)] = Made.of(module, called=True)
    return {name: Baseline(made[name], tuple(merged[name]), tuple(stacked[name])) for name in merged}


def _norms(applied: Application, modules: Mapping[str, nn.Module]) -> Iterator[tuple[str, ...]]:
    """The paths of batch norms that are computed together, as one or side by side."""
    for state, step in _chains(applied):
        for start in range(step):
            paths = state[start::step]
            if paths and all(isinstance(modules[path], _NormBase) for path in paths):
                yield paths


def _chains(applied: Application) -> Iterator[tuple[tuple[str, ...], int]]:
    """The state of each of several separable convolutions, and how many modules a member has; of each of several
    pools, and 1; else all, and 1."""
    attributes, start = dict(applied.attributes), 0
    pools = attributes.get("pools", ())
    for row in pools if isinstance(pools, tuple) else ():
        match row:
            case (_, int() as count):
                yield applied.state[start : start + count], 1
                start += count
    alone = (attributes["stages"], attributes["sources"], 1) if "stages" in attributes else None
    chains = attributes.get("chains", () if alone is None else (alone,))
    for chain in chains if isinstance(chains, tuple) else ():
        match chain:
            case (tuple() as rows, tuple() as sources, _):
                end = start + STAGE * len(rows) * len(sources)
                yield applied.state[start:end], STAGE * len(rows)
                start = end
    if not start:
        yield applied.state, 1


def _calls(network: fx.GraphModule) -> Counter[str]:
    """How often the code calls each module, by path."""
    found: Counter[str] = Counter()
    layers = {f"{name}.": layer for name, layer in network.named_children()}
    for start, layer in {"": network, **layers}.items():
        if isinstance(layer, fx.GraphModule):
            codes = [layer.graph, *(part.graph for part in parts_of(layer).values())]
            nodes = [node for code in codes for node in code.nodes]
            found.update(start + str(node.target) for node in nodes if node.op == "call_module")
            found.update(start + str(node.args[0].target) for node in nodes if node.target is extern.call)
    return found


def _written_over(graph: nx.DiGraph) -> set[str]:
    """The paths of modules over whose result something writes, which a hook would see."""
    writing = [each for node in graph if (each := application(graph, node)).kind.endswith("_in_place")]
    return {path for each in writing for path in application(graph, each.inputs[0]).state}


def same_interfaces(ours: Laid, theirs: Laid) -> bool:
    """Whether each layer takes and gives the same in two lowerings: then each of them goes with any of the other."""
    return ours.layers.keys() == theirs.layers.keys() and all(
        _interface(layer, ours) == _interface(theirs.layers[name], theirs)
        for name, layer in ours.layers.items()
    )


def _interface(layer: Layer, laid: Laid) -> object:
    """What a layer takes and gives. A loop's step takes what lies outside it, so that no two are the same."""
    if layer.scan is not None:
        return layer.scan
    record = info(laid.graph)
    reads = [each if each == record.input else application(laid.graph, each).layer for each in layer.reads]
    return reads, layer.tables, len(layer.gives), layer.borrowed, layer.passed
