"""What the networks of a search space cost: expected, for given mixing weights, and at least and at most.

Costs are parameters or multiply-adds, counted as in `count.py`: of what is found, where `bn` has parameters and
`mix_bn` is gone. Or they are what was measured of each part (`dartsl.searching.prices`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dartsl.graph.count import term_cost
from dartsl.graph.tables import table_name
from dartsl.lang.check.model import Cell, Node
from dartsl.lang.plan.terms import CellLayer, Plan, Term

UNITS = ("parameters", "multiply_adds")


@dataclass(frozen=True)
class CellCosts:
    """What the candidates of a cell's edges cost in all places where it stands: a row an edge, all edges.

    Into a node with `keep`, k of n edges stay: `shares` has k / n for each edge, 1 for others.
    """

    cell: Cell
    rows: tuple[tuple[float, ...], ...]
    shares: tuple[float, ...]

    @property
    def table(self) -> str:
        """The name of its alphas."""
        return table_name(self.cell)

    def searched(self) -> list[list[float]]:
        """Of each searched edge, in the order of the alphas' rows, what its candidates add to the expected cost."""
        return [
            [share * cost for cost in row]
            for edge, row, share in zip(self.cell.edges, self.rows, self.shares, strict=True)
            if edge.searched
        ]

    def fixed(self) -> float:
        """What edges that offer no choice add to it."""
        edges = zip(self.cell.edges, self.rows, self.shares, strict=True)
        return sum(share * row[0] for edge, row, share in edges if not edge.searched)

    def meeting(self) -> list[list[float]]:
        """(rows, rows): 1 where two searched edges lead to one node, else 0."""
        targets = [edge.target for edge in self.cell.edges if edge.searched]
        return [[float(one == other) for other in targets] for one in targets]

    def span(self) -> tuple[float, float]:
        """The least and the most that a derived cell costs."""
        nodes = [self._node_span(node) for node in self.cell.nodes]
        return sum(low for low, _ in nodes), sum(high for _, high in nodes)

    def _node_span(self, node: Node) -> tuple[float, float]:
        able = [
            [
                cost
                for candidate, cost in zip(edge.candidates, row, strict=True)
                if node.keep is None or not candidate.is_none or not edge.searched
            ]
            for edge, row in zip(self.cell.edges, self.rows, strict=True)
            if edge.target == node.name
        ]
        kept = len(able) if node.keep is None else node.keep
        low, high = sorted(min(row) for row in able), sorted(max(row) for row in able)
        return sum(low[:kept]), sum(high[len(high) - kept :])


@dataclass(frozen=True)
class Budget:
    """What a network costs: `fixed` outside of its cells' edges, and the cells."""

    fixed: float
    cells: tuple[CellCosts, ...]

    def expected(self, weights: Mapping[str, Sequence[Sequence[float]]]) -> float:
        """The expected cost where each edge takes its candidates by its mixing weights, and where each edge into a node
        with `keep` is as likely to stay: of those that have a weight at all, where some were left out."""
        total = float(self.fixed)
        for each in self.cells:
            total += each.fixed()
            rows = weights.get(each.table, ())
            there = [any(row) for row in rows]
            for row, cost, meeting in zip(rows, each.searched(), each.meeting(), strict=True):
                left = sum(met for met, stays in zip(meeting, there, strict=True) if stays)
                share = sum(meeting) / left if left else 1.0
                total += share * sum(weight * value for weight, value in zip(row, cost, strict=True))
        return total

    def of(self, chosen: Mapping[str, Sequence[tuple[int, int]]]) -> float:
        """The cost of a derived network: of each cell the places of the edges that stay, and of their candidates."""
        rows = {each.cell.name: each.rows for each in self.cells}
        return self.fixed + sum(
            rows[cell][edge][column] for cell, places in chosen.items() for edge, column in places
        )

    def span(self) -> tuple[float, float]:
        """The least and the most that a derived network costs."""
        spans = [each.span() for each in self.cells]
        return self.fixed + sum(low for low, _ in spans), self.fixed + sum(high for _, high in spans)


@dataclass(frozen=True)
class Prices:
    """What the parts of a network of images cost, in a unit: one of `UNITS`, or that of a table of measurements.

    outside  of stems, heads and operations that are layers, by the layer's name, and of what prepares a cell's input,
             by `place`
    edges    of each layer that is a cell, by its name: a row an edge, in order, a number a candidate
    note     what is to be known besides, such as where it was measured
    """

    unit: str
    outside: Mapping[str, float]
    edges: Mapping[str, Sequence[Sequence[float]]]
    note: str = ""


def amounts(unit: str, *numbers: float) -> str:
    """An amount with its unit, or two as a range: `1.25 ms`, `3,002 to 8,858 parameters`."""
    shown = (f"{each:,.0f}" if isinstance(each, int) or each >= 1000 else f"{each:.4g}" for each in numbers)
    return f"{' to '.join(shown)} {unit.replace('_', '-')}"


def place(layer: CellLayer, entry: str) -> str:
    """The name of what prepares an input of a cell, such as `layer0.c0`."""
    return f"{layer.name}.{entry}"


def outside(plan: Plan) -> Iterator[tuple[str, Term]]:
    """What a network has outside of its cells' edges, by the names of `Prices.outside`."""
    for layer in plan.layers:
        if not isinstance(layer, CellLayer):
            yield layer.name, layer.term
            continue
        for entry, term in zip(layer.cell.inputs, layer.inputs, strict=True):
            if term is not None:
                yield place(layer, entry.name), term


def cell_layers(plan: Plan) -> Iterator[CellLayer]:
    """The layers that are cells."""
    return (layer for layer in plan.layers if isinstance(layer, CellLayer))


def counted(plan: Plan, unit: str) -> Prices:
    """What the parts of a network of images cost, in one of `UNITS`."""
    part = UNITS.index(unit)
    return Prices(
        unit,
        {name: term_cost(term)[part] for name, term in outside(plan)},
        {
            layer.name: [[term_cost(term)[part] for term in terms] for terms in layer.edges]
            for layer in cell_layers(plan)
        },
    )


def budget(plan: Plan, prices: Prices) -> Budget:
    """What a network of images costs, whose parts have these prices."""
    cells: dict[str, Cell] = {}
    rows: dict[str, list[list[float]]] = {}
    for layer in cell_layers(plan):
        name = layer.cell.name
        cells[name] = layer.cell
        here = prices.edges[layer.name]
        before = rows.get(name, [[0] * len(row) for row in here])
        rows[name] = [
            [a + b for a, b in zip(one, other, strict=True)] for one, other in zip(before, here, strict=True)
        ]
    found = tuple(
        CellCosts(
            cell, tuple(map(tuple, rows[name])), tuple(_share(cell, edge.target) for edge in cell.edges)
        )
        for name, cell in cells.items()
    )
    return Budget(sum(prices.outside.values()), found)


def _share(cell: Cell, target: str) -> float:
    """How many of the edges into a node stay, as a part of them."""
    keep = next(node.keep for node in cell.nodes if node.name == target)
    return 1.0 if keep is None else keep / len(cell.incoming(target))
