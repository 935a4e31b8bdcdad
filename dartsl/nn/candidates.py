"""The lowering of an edge that runs one of its candidates: each of them becomes a method of the layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from operator import getitem
from typing import Any, Protocol

from torch import fx, nn

from dartsl.graph.kinds import MIX, kind_of
from dartsl.graph.operations import Application
from dartsl.graph.tables import SKIP, AlphaTable
from dartsl.nn import single
from dartsl.nn.layers import PASS, depends_on_pass
from dartsl.nn.packs import Packs
from dartsl.nn.scope import Scope
from dartsl.nn.single import Part, one_of

Owner = tuple[str, int]  # a mix, and the place of a candidate among its inputs
# Of an application, the candidates that it belongs to: that of an edge, then of an edge within that, in a cell within.
Owners = tuple[Owner, ...]


@dataclass(frozen=True)
class Edge:
    """An edge that offers a choice.

    mix      its application, `applied`
    reads    what its candidates read, in order
    labels   what each candidate is called
    inner    of each candidate, the applications that nothing else reads, in order
    within   of each candidate, those of them that belong to one candidate of an edge within it, and which
    columns  of each candidate, its place in the row of mixing weights
    beside   the column of a skip connection beside the candidates, if there is one
    """

    mix: str
    applied: Application
    reads: tuple[str, ...]
    labels: tuple[str, ...]
    inner: tuple[dict[str, Application], ...]
    within: tuple[dict[str, Owners], ...]
    columns: tuple[int, ...]
    beside: int | None


def owners_of(members: Mapping[str, Application], leaving: Iterable[str]) -> dict[str, Owners]:
    """Of each application that belongs to one candidate alone, which one; `members` have inputs before readers.

    It stands below the path of its edge and of a candidate, and nothing else reads it.
    """
    readers: dict[str, Owners] = dict.fromkeys(leaving, ())  # what the owners of all that read it begin with
    found: dict[str, Owners] = {}
    for node, applied in reversed(list(members.items())):
        mine = _above(node, readers.get(node, ()))
        if mine:
            found[node] = mine
        for place, source in enumerate(applied.inputs):
            reader = (*mine, (node, place)) if applied.kind == MIX else mine
            readers[source] = _common(readers[source], reader) if source in readers else reader
    return found


def _above(node: str, owners: Owners) -> Owners:
    """Those of them below whose edges an application stands, from the first on."""
    return tuple(takewhile(lambda owner: _below(path_of(owner[0]), node), owners))


def _common(one: Owners, other: Owners) -> Owners:
    """What both begin with."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return tuple(owner for owner, _ in pairs)


def _below(path: str, node: str) -> bool:
    return node.startswith(path) and "." in node.removeprefix(path)


def path_of(mix: str) -> str:
    """Below which the candidates of an edge stand."""
    return f"{mix.rpartition('.')[0]}."


def edge_of(
    mix: str,
    members: Mapping[str, Application],
    owners: Mapping[str, Owners],
    tables: Iterable[AlphaTable],
) -> Edge:
    """An edge from its mix."""
    applied = members[mix]
    columns = dict(applied.attributes).get("columns", tuple(range(len(applied.inputs))))
    if not isinstance(columns, tuple):
        raise TypeError(f"the columns of a mix are {columns!r}")
    places = tuple(column for column in columns if isinstance(column, int))
    inner: tuple[dict[str, Application], ...] = tuple({} for _ in places)
    within: tuple[dict[str, Owners], ...] = tuple({} for _ in places)
    for node, ((owner, place), *deeper) in owners.items():
        if owner == mix:
            inner[place][node] = members[node]
            if deeper:
                within[place][node] = tuple(deeper)
    inner = tuple(dict(reversed(each.items())) for each in inner)  # owners were found from the end
    table = next(each for each in tables if each.name == applied.attribute("table"))
    path = path_of(mix)
    return Edge(
        mix,
        applied,
        _reads(applied, inner),
        tuple(_label(each, path, column) for each, column in zip(inner, places, strict=True)),
        inner,
        within,
        places,
        table.after(SKIP) if SKIP in table.beside else None,
    )


def _reads(mix: Application, inner: Iterable[Mapping[str, Application]]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for source, each in zip(mix.inputs, inner, strict=True):
        read = [given for applied in each.values() for given in applied.inputs] or [source]
        found.update((given, None) for given in read if given not in each)
    return tuple(found)


def _label(inner: Mapping[str, Application], path: str, column: int) -> str:
    """The name of a candidate, as its applications have it; one without any gives what the edge reads."""
    for node in inner:
        return node.removeprefix(path).split(".")[0]
    return f"candidate_{column}"


def rows_of(code: fx.Graph, choices: fx.Node) -> fx.Node:
    """The mixing weights of a table, a row each, for what stands beside the candidates."""
    return code.create_node("call_function", single.rows, (choices,), name=f"{choices.name}_rows")


class Writer(Protocol):
    """A lowering."""

    modules: Mapping[str, nn.Module]
    plain: bool

    def write(
        self,
        scope: Scope,
        members: Mapping[str, Application],
        owners: Mapping[str, Owners],
        values: dict[str, fx.Node],
    ) -> None:
        """Write applications down."""


def write_choice(writer: Writer, scope: Scope, edge: Edge, values: Mapping[str, fx.Node]) -> fx.Node:
    """An edge that calls the candidate which was chosen; all of them are methods of the layer from now on."""
    code, name, applied = scope.code, scope.name(edge.mix), edge.applied
    inputs = {read: values[read] for read in edge.reads}
    tables = dict.fromkeys(
        str(each.attribute("table"))
        for inner in edge.inner
        for each in inner.values()
        if kind_of(each).has("mixes")
    )
    inputs |= {table: scope.weights[table] for table in tables}
    passed = any(depends_on_pass(each) for inner in edge.inner for each in inner.values())
    if passed and scope.pass_ is not None:
        inputs[PASS] = scope.pass_
    methods = []
    # A layer that offers a choice has modules of these labels.
    prefix = scope.name(path_of(edge.mix)) or "edge_"
    for source, label, inner, within in zip(
        applied.inputs, edge.labels, edge.inner, edge.within, strict=True
    ):
        method = f"{prefix}{label}{'_plain' if writer.plain else ''}"
        scope.root.add_part(method, Part(_code(writer, scope, source, inner, within, inputs, tables)))
        methods.append(code.create_node("get_attr", method))
    row = (scope.weights[str(applied.attribute("table"))], applied.attribute("row"))
    choice = code.create_node("call_function", getitem, row, name=f"{name}_choice")
    arguments = (choice, tuple(methods), tuple(inputs.values()), edge.columns, applied.shape)
    beside: dict[str, Any] = {} if edge.beside is None else {"beside": edge.beside}
    return code.create_node("call_function", one_of, arguments, beside, name=name)


def _code(
    writer: Writer,
    scope: Scope,
    source: str,
    inner: Mapping[str, Application],
    within: Mapping[str, Owners],
    given: Mapping[str, fx.Node],
    tables: Iterable[str],
) -> fx.Graph:
    """The code of one candidate, which gives `source`, from what its edge reads, and the choices of edges within it."""
    code = fx.Graph(scope.code.owning_module)
    values = {read: code.placeholder(node.name, type_expr=node.type) for read, node in given.items()}
    weights = {table: values[table] for table in tables}
    own = {node: applied for node, applied in inner.items() if node not in within}
    packs = Packs(code, own, writer.modules, {}).run()
    inside = replace(scope, code=code, weights=weights, pass_=values.get(PASS), packs=packs)
    writer.write(inside, inner, within, values)
    code.output(values[source])
    return code
