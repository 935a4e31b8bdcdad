"""What differs between the cells of two specs, statement by statement.

Edges are a multiset, since their order changes nothing where they are summed (language rule 17); into
`concat`, `lerp` and `highway` they are a sequence, and so are a cell's inputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from dartsl.graph.isomorphic import Forms
from dartsl.lang.check.identity import Identities
from dartsl.lang.check.model import Cell, Edge, Node, Operation, Output, Spec
from dartsl.lang.plan.layer_choices import shown
from dartsl.lang.records.record import heeds_order
from dartsl.lang.syntax.printer import print_expr


@dataclass(frozen=True)
class Statement:
    """A line of a cell: `key` is equal for statements that mean the same, `text` is shown."""

    key: Hashable
    text: str


@dataclass(frozen=True)
class CellDiff:
    """The statements that only the first and only the second cell of a name has.

    isomorphic  that it was asked for, and the cells are the same but for the names of their nodes: both are then empty
    """

    name: str
    removed: tuple[str, ...]
    added: tuple[str, ...]
    isomorphic: bool = False

    @property
    def equal(self) -> bool:
        return not self.removed and not self.added


@dataclass(frozen=True)
class SpecDiff:
    """The cells that both specs have, compared, and the names of those that one alone has."""

    cells: tuple[CellDiff, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    @property
    def equal(self) -> bool:
        return not self.only_first and not self.only_second and all(cell.equal for cell in self.cells)


def diff_specs(first: Spec, second: Spec, isomorphic: bool = False) -> SpecDiff:
    """Compare two checked specs cell by cell; cells belong together by name.

    With `isomorphic` the names of a cell's nodes do not count (`dartsl.graph.isomorphic`).
    """
    first, second = shown(first), shown(second)
    identities = Identities()
    before = _read(first.cells, first.operations, identities)
    after = _read(second.cells, second.operations, identities)
    found = (_compare(name, before[name], after[name]) for name in before if name in after)
    return SpecDiff(
        tuple(_renamed(cell, first, second) if isomorphic else cell for cell in found),
        tuple(name for name in before if name not in after),
        tuple(name for name in after if name not in before),
    )


def _read(
    cells: Mapping[str, Cell], operations: Mapping[str, Operation], identities: Identities
) -> dict[str, list[Statement]]:
    for operation in operations.values():
        identities.declare(operation.name, operation.parameters)
    mixing = any(
        cell.searched_edges for cell in cells.values()
    )  # else `mix_bn` is nothing (language rule 10)
    return {name: list(_statements(cell, identities, mixing)) for name, cell in cells.items()}


def _compare(name: str, before: list[Statement], after: list[Statement]) -> CellDiff:
    removed, added = _missing(before, after), _missing(after, before)
    return CellDiff(name, tuple(removed), tuple(added))


def _renamed(found: CellDiff, first: Spec, second: Spec) -> CellDiff:
    """A difference, which is none where the cells are isomorphic."""
    forms = Forms()
    before, after = (forms.of(spec.cells[found.name], spec.operations) for spec in (first, second))
    return CellDiff(found.name, (), (), True) if not found.equal and before == after else found


def _missing(statements: Iterable[Statement], others: Iterable[Statement]) -> Iterator[str]:
    """The texts of the statements that have no partner among the others, in their own order."""
    left = Counter(statement.key for statement in others)
    for statement in statements:
        if left[statement.key]:
            left[statement.key] -= 1
        else:
            yield statement.text


def _statements(cell: Cell, identities: Identities, mixing: bool) -> Iterator[Statement]:
    for place, item in enumerate(cell.inputs):
        operation = "" if item.operation is None else f" : {print_expr(item.operation)}"
        key = None if item.operation is None else identities.of(item.operation)
        yield Statement(("input", place, item.name, key), f"input {item.name}{operation}")
    for node in cell.nodes:
        if node.name not in cell.merging:
            yield _node_statement(node, cell, mixing, identities)
        for place, edge in enumerate(cell.incoming(node.name)):
            if not edge.follows:
                yield _edge_statement(edge, node, place, identities)
    values = [_output(output, mixing) for output in cell.outputs]
    yield Statement(
        ("output", *(value.key for value in values)), f"output {', '.join(value.text for value in values)}"
    )


def _output(output: Output, mixing: bool) -> Statement:
    """One of the values of an output."""
    merge, nodes = output.merge, output.nodes
    ordered = nodes if heeds_order(merge) else tuple(sorted(nodes))
    value = ", ".join(nodes) if merge is None else f"{merge}({', '.join(nodes)})"
    mix_bn = output.mix_bn and mixing
    return Statement((merge, ordered, mix_bn), f"{value}{' > mix_bn' if mix_bn else ''}")


def _node_statement(node: Node, cell: Cell, mixing: bool, identities: Identities) -> Statement:
    """A node, with what follows its merge. In a cell without a choice `keep` has no say: it keeps every edge."""
    keep = node.keep if cell.searched_edges else None
    mix_bn = node.mix_bn and mixing
    text = f"node {node.declared} : {node.merge}{' > mix_bn' if mix_bn else ''}"
    after: Hashable = None
    if node.of is not None:
        (edge,) = cell.incoming(node.of)
        after = frozenset(identities.of(each.expr) for each in edge.candidates)
        text += f" > {_offered(edge)}" if len(edge.candidates) == 1 else f" > ({_offered(edge)})"
    return Statement(
        ("node", node.name, node.merge, mix_bn, keep, after),
        text + (f" keep {keep}" if keep is not None else ""),
    )


def _offered(edge: Edge) -> str:
    return " | ".join(candidate.label for candidate in edge.candidates)


def _edge_statement(edge: Edge, node: Node, place: int, identities: Identities) -> Statement:
    text = f"edge {edge.source} -> {edge.node} : {_offered(edge)}"
    key: Hashable = (edge.source, edge.node, frozenset(identities.of(c.expr) for c in edge.candidates))
    if heeds_order(node.merge):
        return Statement(("edge", key, place), f"{text}  (number {place + 1} into {node.merge})")
    return Statement(("edge", key), text)
