"""The operation graph as text: one application per line, DOT with a box around each layer, what passes did to it."""

from __future__ import annotations

from itertools import groupby

import networkx as nx

from dartsl.graph.operations import Application, Value, application, info
from dartsl.graph.passes import Optimised
from dartsl.graph.target import Target
from dartsl.graph.traffic import cost
from dartsl.lang.records.inputs import INPUTS


def listing(graph: nx.DiGraph) -> str:
    """`id = kind(attributes) of inputs : shape` for each application, in an order that can be computed."""
    record = info(graph)
    cells = dict(record.layers)
    order = list(nx.lexicographical_topological_sort(graph, key=_positions(graph).__getitem__))
    lines = [f"network {record.network}"]
    for layer, nodes in groupby(order, lambda node: application(graph, node).layer):
        cell = cells.get(layer)
        lines += ["", f"{layer}:" if cell is None else f"{layer}: cell {cell}"]
        lines += [f"  {node} = {_line(application(graph, node))}" for node in nodes]
    return "\n".join([*lines, "", f"output {record.output}", ""])


def operations_dot(graph: nx.DiGraph) -> str:
    """The graph for Graphviz, from left to right, a box around each layer. Ids are synthetic."""
    record = info(graph)
    ids = {node: f"v{place}" for node, place in _positions(graph).items()}
    cells = dict(record.layers)
    layers: dict[str, list[str]] = {}
    for node in graph:
        layers.setdefault(application(graph, node).layer, []).append(node)
    lines = [
        "digraph operations {",
        "  rankdir=LR;",
        '  node [shape=box, style="filled,rounded", fillcolor=lightblue, fontname="Helvetica", fontsize=10];',
        '  graph [fontname="Helvetica"];',
    ]
    for place, (layer, nodes) in enumerate(layers.items()):
        cell = cells.get(layer)
        title = layer if cell is None else f"{layer}: {cell}"
        lines.append(f"  subgraph cluster_{place} {{")
        lines.append(f"    label={_quoted(title)}; color=gray;")
        for node in nodes:
            applied = application(graph, node)
            label = f"{_call(applied)}\n{_shape(applied)}"
            lines.append(f"    {ids[node]} [label={_quoted(label)}, tooltip={_quoted(node)}];")
        lines.append("  }")
    for node in graph:
        lines += [f"  {ids[source]} -> {ids[node]};" for source in application(graph, node).inputs]
    return "\n".join([*lines, "}", ""])


def passes_listing(graph: nx.DiGraph, optimised: Optimised, target: Target, by: str) -> str:
    """What each pass did to a graph: one line each, and one for the graph as it was built; `by` says who chose them."""
    measured = "" if target.measured else ", chosen by the count of operations, not measured"
    title = f"network {info(graph).network} at {by} for {target.name}{measured}"
    size = f"MiB per {INPUTS[info(graph).input].example}"
    rows = [("", "applications", "convolutions", size)]
    for name, found in [("as built", cost(graph)), *((each.name, each.after) for each in optimised.reports)]:
        rows.append((name, f"{found.nodes:,}", f"{found.convolutions:,}", f"{found.traffic / 2**20:,.1f}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows
    ]
    note = f"{size}: what a forward pass reads and writes in float32, each application on its own"
    return "\n".join([title, "", *lines, "", note, ""])


def _positions(graph: nx.DiGraph) -> dict[str, int]:
    return {node: place for place, node in enumerate(graph)}


def _line(applied: Application) -> str:
    inputs = f" of {', '.join(applied.inputs)}" if applied.inputs else ""
    return f"{_call(applied)}{inputs} : {_shape(applied)}"


def _call(applied: Application) -> str:
    if not applied.attributes:
        return applied.kind
    return f"{applied.kind}({', '.join(f'{name} = {_value(value)}' for name, value in applied.attributes)})"


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        if value and all(isinstance(part, int) for part in value):
            return "x".join(str(part) for part in value)
        return f"({', '.join(map(_value, value))})"
    return str(value)


def _shape(applied: Application) -> str:
    size = "x".join(str(length) for length in applied.shape)
    return size if applied.batch == 1 else f"{size}, {applied.batch} for each image"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
