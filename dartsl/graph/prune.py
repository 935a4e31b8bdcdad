"""A search network without some of its candidates, in which what stays has the names that it had.

A search that narrows its space goes on in the smaller network: by name it takes over the weights of the larger one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.kinds import MIX, kind_of
from dartsl.graph.operations import Application, application, info
from dartsl.graph.tables import SHARE, SKIP, AlphaTable

Kept = Mapping[
    str, Mapping[int, Collection[int]]
]  # by table and row: the columns of the candidates that stay
Columns = Mapping[str, tuple[tuple[int, ...], ...]]  # of a table, row by row: what each column was before


@dataclass(frozen=True)
class Pruned:
    """A graph without some candidates, and where the columns of its tables were in the whole one."""

    graph: nx.DiGraph
    columns: Columns


def prune(graph: nx.DiGraph, kept: Kept) -> Pruned:
    """The graph of a planned network (`dartsl.graph.build`) without the candidates that `kept` leaves out.

    A row that `kept` does not name keeps all of its candidates. Tables have the same names and rows, and fewer columns.
    A mix of one candidate stays a mix. What only such candidates needed goes, modules too, so that the state_dict has
    some of the names that it had, and no others. Raises ValueError for tables, rows or columns that are not there, and
    for a row of which nothing is left.
    """
    record = info(graph)
    columns = {table.name: _columns(table, kept.get(table.name, {})) for table in record.alphas}
    if unknown := kept.keys() - columns.keys():
        raise ValueError(f"there is no table {min(unknown)}")
    found = graph.copy()
    dropped: list[str] = []
    tables = {table.name: table for table in record.alphas}
    for node in graph:
        applied = application(graph, node)
        if applied.kind == MIX:
            dropped += _put(found, node, _narrowed(applied, columns, tables))
        elif kind_of(applied).has("mixes"):
            _put(found, node, _moved(applied, columns, tables))
    idle = _remove(found, dropped, {record.input, record.output, *record.carries})
    used = {path for node in found for path in application(found, node).state}
    found.graph["info"] = replace(
        record,
        modules={path: spec for path, spec in record.modules.items() if path in used or path not in idle},
        alphas=tuple(each.narrowed(columns[each.name]) for each in record.alphas),
    )
    return Pruned(found, columns)


def _columns(table: AlphaTable, kept: Mapping[int, Collection[int]]) -> tuple[tuple[int, ...], ...]:
    """The columns of each row that stay, in order."""
    for row, columns in kept.items():
        if not 0 <= row < len(table.sizes):
            raise ValueError(f"table {table.name} has {len(table.sizes)} rows, and no row {row}")
        if not columns or not set(columns) <= set(range(table.sizes[row])):
            raise ValueError(
                f"row {row} of table {table.name} keeps some of its {table.sizes[row]} columns, not {sorted(columns)}"
            )
    return tuple(tuple(sorted(set(kept.get(row, range(size))))) for row, size in enumerate(table.sizes))


def _narrowed(applied: Application, columns: Columns, tables: Mapping[str, AlphaTable]) -> Application:
    """A mix of the candidates that stay, and of the skip connection beside them."""
    row, table = applied.attribute("row"), tables[str(applied.attribute("table"))]
    assert isinstance(row, int)
    places = columns[table.name][row]
    inputs = tuple(applied.inputs[place] for place in places)
    if SKIP not in table.beside:
        return replace(applied, inputs=inputs)
    after = (*range(len(places)), _after(SKIP, table, columns))
    attributes = tuple((key, after if key == "columns" else value) for key, value in applied.attributes)
    return replace(applied, attributes=attributes, inputs=(*inputs, applied.inputs[-1]))


def _moved(applied: Application, columns: Columns, tables: Mapping[str, AlphaTable]) -> Application:
    """What passes by, times the share of its edge, whose column is another one now."""
    table = tables[str(applied.attribute("table"))]
    match applied.attribute("entries"):
        case ((int() as row, _),):
            entries = ((row, _after(SHARE, table, columns)),)
            attributes = tuple(
                (key, entries if key == "entries" else value) for key, value in applied.attributes
            )
            return replace(applied, attributes=attributes)
    raise ValueError(f"a {applied.kind} is in no graph of a plan")


def _after(what: str, table: AlphaTable, columns: Columns) -> int:
    """The column of what stands beside the candidates that stay."""
    return max(map(len, columns[table.name])) + table.beside.index(what)


def _put(graph: nx.DiGraph, node: str, applied: Application) -> set[str]:
    """Put an application in place of the one that is there; what it no longer reads."""
    gone = set(application(graph, node).inputs) - set(applied.inputs)
    graph.nodes[node]["op"] = applied
    graph.remove_edges_from((source, node) for source in gone)
    return gone


def _remove(graph: nx.DiGraph, waiting: list[str], stay: Collection[str]) -> set[str]:
    """Take away what nothing reads any more, from some applications backwards; the paths of what they used."""
    paths: set[str] = set()
    while waiting:
        node = waiting.pop()
        if node in graph and node not in stay and not graph.out_degree(node):
            paths.update(application(graph, node).state)
            waiting += application(graph, node).inputs
            graph.remove_node(node)
    return paths


def heaviest(graph: nx.DiGraph, most: int) -> Kept:
    """Of each edge the candidates whose results are largest in all its places together, at most so many (0: all).

    What a search will keep is not known before; this is what takes most memory.
    """
    sizes: dict[str, dict[int, list[int]]] = {}
    tables = {table.name: table for table in info(graph).alphas}
    for node in graph:
        applied = application(graph, node)
        if applied.kind != MIX:
            continue
        name, row = str(applied.attribute("table")), applied.attribute("row")
        assert isinstance(row, int)
        own = applied.inputs[: tables[name].sizes[row]]
        total = sizes.setdefault(name, {}).setdefault(row, [0] * len(own))
        for column, source in enumerate(own):
            total[column] += _results(graph, source, f"{node.rpartition('.')[0]}.")
    return {
        name: {
            row: sorted(range(len(total)), key=lambda column: -total[column])[: most or None]
            for row, total in rows.items()
        }
        for name, rows in sizes.items()
    }


def _results(graph: nx.DiGraph, last: str, edge: str) -> int:
    """How many numbers the applications of an edge give that lead to one of them, for one image."""
    waiting, seen = [last], set[str]()
    while waiting:
        node = waiting.pop()
        if node.startswith(edge) and node not in seen:
            seen.add(node)
            waiting += application(graph, node).inputs
    return sum(math.prod(application(graph, node).shape) for node in seen)
