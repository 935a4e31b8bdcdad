"""What every operation graph must satisfy, before and after each pass. A failure is a bug in dartsl."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx

from dartsl.graph.kinds import INPUT, MIX, GraphKind, kind_of
from dartsl.graph.operations import Application, GraphInfo, application, info
from dartsl.graph.tables import AlphaTable
from dartsl.lang.codes.diagnostics import Error
from dartsl.lang.records.primitives import owner
from dartsl.lang.records.record import MERGES, Merge, ModuleSpec


class GraphError(Error):
    """An operation graph that contradicts itself; lists every contradiction found."""


def verify(graph: nx.DiGraph) -> None:
    """Checks edges against inputs, shapes, batches, states, and rows and columns of alphas.

    Raises GraphError.
    """
    found = list(_graph_faults(graph))
    if not found:
        record = info(graph)
        tables = {table.name: table for table in record.alphas}
        layers = {record.input, *(name for name, _ in record.layers)}
        for node in graph:
            found.extend(f"{node}: {text}" for text in _faults(graph, node, tables, layers))
    if found:
        raise GraphError("\n".join(found))


def _graph_faults(graph: nx.DiGraph) -> Iterator[str]:
    if not isinstance(graph.graph.get("info"), GraphInfo):
        yield "the graph has no GraphInfo"
        return
    record = info(graph)
    for node, data in graph.nodes(data=True):
        if not isinstance(data.get("op"), Application):
            yield f"{node}: no Application"
        elif set(data["op"].inputs) != set(graph.predecessors(node)):
            yield f"{node}: its edges are not its inputs"
    for name in (record.input, record.output):
        if name not in graph:
            yield f"{name} is not in the graph"
    if not nx.is_directed_acyclic_graph(graph):
        yield "the graph has a cycle"
    yield from _loop_faults(graph, record)


def _loop_faults(graph: nx.DiGraph, record: GraphInfo) -> Iterator[str]:
    """A scan layer has an output for each carry, which goes to the next step as that, and nothing else leaves it."""
    found = {node: applied for node, applied in graph.nodes(data="op") if isinstance(applied, Application)}
    ends = {applied.layer: applied for applied in found.values() if applied.kind == "sequence"}
    carries: dict[str, list[Application]] = {}
    for each in found.values():
        if each.kind == "carry":
            carries.setdefault(each.layer, []).append(each)
    for layer, own in carries.items():
        width = ends[layer].shape[0] if layer in ends else 0
        if any(carry.shape[0] != width for carry in own) or len(ends[layer].inputs) != len(own):
            yield f"{layer}: its outputs are not carries of the next step"
    inside: set[str] = set()  # what depends on an element or on a carry
    for node in nx.topological_sort(graph) if nx.is_directed_acyclic_graph(graph) else ():
        applied = found.get(node)
        if applied is None:
            continue
        if applied.kind in ("element", "carry"):
            inside.add(node)
        elif not inside.isdisjoint(applied.inputs):
            if any(found[source].layer != applied.layer for source in inside.intersection(applied.inputs)):
                yield f"{node}: it reads a value of one step of another layer"
            if applied.kind != "sequence":
                inside.add(node)
    if not {carry for carry in found if found[carry].kind == "carry"} <= set(record.carries):
        yield "a carry is not among those of the network"


def _faults(graph: nx.DiGraph, node: str, tables: dict[str, AlphaTable], layers: set[str]) -> Iterator[str]:
    applied, record = application(graph, node), info(graph)
    shapes = [application(graph, source).shape for source in applied.inputs]
    batches = [application(graph, source).batch for source in applied.inputs]
    kind = kind_of(applied)
    if (applied.kind == INPUT) != (node == record.input):
        yield f"only `{record.input}` is an input"
    if len(shapes) != kind.inputs if kind.inputs is not None else not shapes:
        yield f"a {applied.kind} with {len(shapes)} inputs"
    elif isinstance(kind, GraphKind):
        yield from _kind_faults(applied, kind, shapes, batches, tables)
    elif isinstance(kind, Merge):
        yield from _merge_faults(applied, shapes)
    if not applied.shape or min(applied.shape) < 1:
        yield f"its shape is {applied.shape}"
    if applied.layer not in layers:
        yield f"the layer {applied.layer} is unknown"
    one_for_all = {1} if len(applied.shape) == 1 else set()  # a vector meets each of a stack
    if not isinstance(kind, GraphKind) and {applied.batch} - one_for_all != set(batches or [1]) - one_for_all:
        yield f"inputs of {batches} batches give {applied.batch}"
    yield from _state_faults(applied, record, shapes)
    if kind.state != bool(applied.state):
        yield "its state does not go with its kind"
    if kind.random != (applied.random is not None):
        yield "its key for random draws does not go with its kind"


def _kind_faults(
    applied: Application,
    kind: GraphKind,
    shapes: list[tuple[int, ...]],
    batches: list[int],
    tables: dict[str, AlphaTable],
) -> Iterator[str]:
    if kind.check is not None:
        yield from kind.check(applied, shapes, batches)
    if applied.kind == MIX:
        yield from _mix_faults(applied, shapes, tables)
    elif kind.has("mixes") and str(applied.attribute("table")) not in tables:
        yield f"no alphas in {applied.attribute('table')}"


def _state_faults(applied: Application, record: GraphInfo, shapes: list[tuple[int, ...]]) -> Iterator[str]:
    for path in applied.state:
        if path not in record.modules:
            yield f"its state {path} is unknown"
        elif path.split(".")[0] != applied.layer and not _embeds(record.modules[path]):
            yield f"its state {path} is of another layer"
    kind = kind_of(applied)
    if kind.has("matrix") and len(applied.state) == 2:
        spec = record.modules.get(applied.state[1])
        if spec is None or not _embeds(spec) or spec.out_shape[0] != shapes[0][0]:
            yield f"it is tied to {applied.state[1]}"
    elif not isinstance(kind, GraphKind) and len(applied.state) > 1:
        specs = [record.modules[path] for path in applied.state if path in record.modules]
        if any(owner(spec.primitive).parameters(spec) for spec in specs):
            yield "it stands for several modules that have parameters"
        if any(not owner(spec.primitive).has("batch_norm") for spec in specs):
            yield "it stands for several modules that are not batch norms"


def _embeds(spec: ModuleSpec) -> bool:
    return owner(spec.primitive).has("embedding")


def _mix_faults(
    applied: Application, shapes: list[tuple[int, ...]], tables: dict[str, AlphaTable]
) -> Iterator[str]:
    name, row = applied.attribute("table"), applied.attribute("row")
    table = tables.get(str(name))
    if table is None or not isinstance(row, int) or not 0 <= row < len(table.sizes):
        yield f"no row {row} of alphas in {name}"
    else:
        free = {*range(table.sizes[row]), *map(table.after, table.beside)}
        yield from _column_faults(applied, table.sizes[row], len(shapes), free)
    if any(shape != applied.shape for shape in shapes):
        yield f"candidates of shapes {shapes} are mixed to {applied.shape}"


def _column_faults(applied: Application, size: int, inputs: int, free: set[int]) -> Iterator[str]:
    columns = dict(applied.attributes).get("columns")
    if columns is None:
        if size != inputs:
            yield f"{inputs} candidates for {size} alphas"
    elif not isinstance(columns, tuple) or len(columns) != inputs or not free.issuperset(columns):
        yield f"{inputs} candidates at the columns {columns} of {size} alphas"


def _merge_faults(applied: Application, shapes: list[tuple[int, ...]]) -> Iterator[str]:
    widths, sizes = [shape[0] for shape in shapes], {shape[1:] for shape in shapes}
    if MERGES[applied.kind].joins:
        if sum(widths) != applied.shape[0]:
            yield f"widths {widths} are joined to {applied.shape[0]}"
    elif set(widths) != {applied.shape[0]}:
        yield f"widths {widths} are merged to {applied.shape[0]}"
    if sizes - {(1, 1), applied.shape[1:]}:
        yield f"sizes {sorted(sizes)} are merged to {applied.shape[1:]}"
