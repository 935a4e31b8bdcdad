"""What of a network no pass runs, because its output does not need it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import networkx as nx

from dartsl.graph import count
from dartsl.graph.operations import application, info
from dartsl.graph.passes.dead import Dead


@dataclass(frozen=True)
class Unused:
    """Parameters and multiply-adds (for one image or word) that are written and never run.

    `parts` says of what: whole layers (`layer3`), and inputs and nodes of a cell (`normal.n2`; `layer3.n2` where they
    run in other layers of that cell).
    """

    parameters: int
    multiply_adds: int
    parts: tuple[str, ...]


def running(graph: nx.DiGraph) -> nx.DiGraph:
    """The applications of a network that are computed: those that its output needs. `none` needs nothing."""
    return Dead().run(graph)


def unused(graph: nx.DiGraph) -> Unused:
    """What is in a network as it is written, but not in what runs of it."""
    live = running(graph)
    used = {path for node in live for path in application(live, node).state}
    idle = {path: spec for path, spec in info(graph).modules.items() if path not in used}
    return Unused(
        sum(count.module_parameters(spec) for spec in idle.values()),
        count.multiply_adds(graph) - count.multiply_adds(live),
        tuple(_parts(graph, live, idle)),
    )


def _parts(graph: nx.DiGraph, live: nx.DiGraph, idle: Iterable[str]) -> list[str]:
    """The parts that modules which nothing uses belong to, in the order of the network."""
    running_layers = {application(live, node).layer for node in live}
    cells = dict(info(graph).layers)
    instances: dict[str | None, set[str]] = defaultdict(set)  # the layers of each cell that run
    for layer in running_layers:
        instances[cells.get(layer)].add(layer)
    places: dict[tuple[str | None, str], set[str]] = defaultdict(set)  # the layers where a part is idle
    split = [path.split(".")[:2] for path in idle]
    for layer, part in split:
        places[cells.get(layer), part].add(layer)
    found = dict[str, None]()  # a set in order
    for layer, part in split:
        cell = cells.get(layer)
        if layer not in running_layers:
            found[layer] = None
        elif cell is not None and instances[cell] <= places[cell, part]:
            found[f"{cell}.{part}"] = None
        else:
            found[f"{layer}.{part}"] = None
    return list(found)
