"""How passes take an operation graph apart and put one together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from heapq import heappop, heappush

import networkx as nx

from dartsl.graph.operations import Application, GraphInfo, application, info

Applications = dict[str, Application]


def applications(graph: nx.DiGraph) -> Applications:
    """Every application by its id, inputs before what reads them, and else in the order of the graph."""
    return _ordered({node: application(graph, node) for node in graph})


def assemble(applied: Mapping[str, Application], record: GraphInfo) -> nx.DiGraph:
    """The graph of these applications, without those that the output does not need.

    They may come in any order; the graph has them in an order that can be computed.
    """
    # a carry stays though its cell does not read it: the network takes it all the same
    needed, waiting = {record.input, record.output, *applied.keys() & set(record.carries)}, [record.output]
    while waiting:
        new = set(applied[waiting.pop()].inputs) - needed
        needed |= new
        waiting += new
    graph = nx.DiGraph()
    graph.graph["info"] = record
    for node, found in _ordered({node: each for node, each in applied.items() if node in needed}).items():
        graph.add_node(node, op=found)
        graph.add_edges_from((source, node) for source in found.inputs)
    return graph


def _ordered(applied: Applications) -> Applications:
    """The applications with inputs before what reads them, and else in the order given.

    As networkx's lexicographical topological sort by that order, without a graph.
    """
    places = {node: place for place, node in enumerate(applied)}
    names = list(applied)
    missing = {node: len(set(found.inputs)) for node, found in applied.items()}
    readers: dict[str, list[str]] = {node: [] for node in applied}
    for node, found in applied.items():
        for source in set(found.inputs):
            readers[source].append(node)
    ready = [places[node] for node, count in missing.items() if count == 0]
    ordered: Applications = {}
    while ready:
        node = names[heappop(ready)]
        ordered[node] = applied[node]
        for reader in readers[node]:
            missing[reader] -= 1
            if missing[reader] == 0:
                heappush(ready, places[reader])
    return ordered


def renamed(applied: Application, names: Mapping[str, str]) -> Application:
    """The application with other inputs: `names` has the new id of each input that changes."""
    if names.keys().isdisjoint(applied.inputs):
        return applied
    return replace(applied, inputs=tuple(names.get(source, source) for source in applied.inputs))


def rewrite(
    graph: nx.DiGraph, step: Callable[[str, Application, Applications], str | Application]
) -> nx.DiGraph:
    """The graph with every application replaced, inputs first.

    `step(id, application, done)` sees the application with its inputs as they are by now, and all that are done
    already. It gives what shall stand under this id, or the id of an application that gives the same value. It may
    add to `done` what its own result reads.
    """
    record = info(graph)
    done: Applications = {}
    names: dict[str, str] = {}
    for node, applied in applications(graph).items():
        result = step(node, renamed(applied, names), done)
        if isinstance(result, str):
            names[node] = result
        else:
            done[node] = result
    output = names.get(record.output, record.output)
    return assemble(done, replace(record, output=output))


def users(graph: nx.DiGraph) -> dict[str, list[str]]:
    """Who reads each application, once for each time it is read; the output of the network is read once more."""
    found: dict[str, list[str]] = {node: [] for node in graph}
    for node in graph:
        for source in application(graph, node).inputs:
            found[source].append(node)
    found[info(graph).output].append("")
    return found


def fresh(wanted: str, taken: Mapping[str, object]) -> str:
    """An id like `wanted` that nothing has yet."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name
