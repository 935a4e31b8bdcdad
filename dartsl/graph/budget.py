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
from dartsl.lang.plan.terms import CellLayer, Plan, Term, held

UNITS = ("parameters", "multiply_adds")


Held = Mapping[tuple[int, int], tuple[float, float]]  # by the places of an edge and of its candidate


@dataclass(frozen=True)
class CellCosts:
    """What the candidates of a cell's edges cost in all layers that it is, or wherever one candidate of another cell
    holds it: a row an edge, all edges.

    Into a node with `keep`, k of n edges stay: `shares` has k / n for each edge, 1 for others. `holder` is that
    candidate: the place of its cell in the budget, and those of its edge and of itself there.
    """

    cell: Cell
    rows: tuple[tuple[float, ...], ...]
    shares: tuple[float, ...]
    holder: tuple[int, int, int] | None = None

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

    def chance(
        self, edge: int, column: int, rows: Sequence[Sequence[float]], staying: Sequence[float]
    ) -> float:
        """How likely a candidate is taken, by the mixing weights of the searched edges and how much more likely each of
        them stays since others were left out."""
        if not self.cell.edges[edge].searched:
            return self.shares[edge]
        row = sum(each.searched for each in self.cell.edges[:edge])
        return self.shares[edge] * staying[row] * rows[row][column]

    def span(self, held: Held) -> tuple[float, float]:
        """The least and the most that a derived cell costs; `held` has what its candidates hold, at least and most."""
        nodes = [self._node_span(node, held) for node in self.cell.nodes]
        return sum(low for low, _ in nodes), sum(high for _, high in nodes)

    def _node_span(self, node: Node, held: Held) -> tuple[float, float]:
        able = [
            [
                [cost + more for more in held.get((place, column), (0, 0))]
                for column, (candidate, cost) in enumerate(zip(edge.candidates, row, strict=True))
                if node.keep is None or not candidate.is_none or not edge.searched
            ]
            for place, (edge, row) in enumerate(zip(self.cell.edges, self.rows, strict=True))
            if edge.target == node.name
        ]
        kept = len(able) if node.keep is None else node.keep
        low = sorted(min(least for least, _ in row) for row in able)
        high = sorted(max(most for _, most in row) for row in able)
        return sum(low[:kept]), sum(high[len(high) - kept :])


@dataclass(frozen=True)
class Budget:
    """What a network costs: `fixed` outside of its cells' edges, and the cells, each after what holds it."""

    fixed: float
    cells: tuple[CellCosts, ...]

    def expected(self, weights: Mapping[str, Sequence[Sequence[float]]]) -> float:
        """The expected cost where each edge takes its candidates by its mixing weights, and where each edge into a node
        with `keep` is as likely to stay: of those that have a weight at all, where some were left out."""
        total = float(self.fixed)
        chances: list[float] = []  # that a cell is there
        stayings: list[list[float]] = []
        for each in self.cells:
            rows = weights.get(each.table, ())
            stayings.append(_staying(each, rows))
            chance = 1.0
            if each.holder is not None:
                holder, edge, column = each.holder
                of = self.cells[holder]
                taken = of.chance(edge, column, weights.get(of.table, ()), stayings[holder])
                chance = chances[holder] * taken
            chances.append(chance)
            total += chance * each.fixed()
            for row, cost, share in zip(rows, each.searched(), stayings[-1], strict=True):
                total += chance * share * sum(weight * value for weight, value in zip(row, cost, strict=True))
        return total

    def of(self, chosen: Mapping[str, Sequence[tuple[int, int]]]) -> float:
        """The cost of a derived network: of each cell the places of the edges that stay, and of their candidates."""
        there: list[bool] = []
        total = self.fixed
        for each in self.cells:
            stands = True
            if each.holder is not None:
                holder, *place = each.holder
                stands = there[holder] and tuple(place) in chosen[self.cells[holder].cell.name]
            there.append(stands)
            if stands:
                total += sum(each.rows[edge][column] for edge, column in chosen.get(each.cell.name, ()))
        return total

    def span(self) -> tuple[float, float]:
        """The least and the most that a derived network costs; where a cell stands within others, bounds of these: what
        is cheapest at one place may not be at another."""
        low = high = self.fixed
        held: list[dict[tuple[int, int], tuple[float, float]]] = [{} for _ in self.cells]
        for each, own in reversed(list(zip(self.cells, held, strict=True))):
            least, most = each.span(own)
            if each.holder is None:
                low, high = low + least, high + most
            else:
                holder, edge, column = each.holder
                before = held[holder].get((edge, column), (0, 0))
                held[holder][edge, column] = (before[0] + least, before[1] + most)
        return low, high


@dataclass(frozen=True)
class Prices:
    """What the parts of a network of images cost, in a unit: one of `UNITS`, or that of a table of measurements.

    outside  of stems, heads and operations that are layers, by the layer's name, and of what prepares a cell's input,
             by `place`
    edges    of each cell, by the name of its place (`places`): a row an edge, in order, a number a candidate
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


@dataclass(frozen=True)
class Place:
    """Where a cell stands: as a layer, by whose name it is called, or within another, named after the candidate.

    `path` is of the cell and of what holds it: the cell's name, and before it the places of edge and candidate.
    """

    name: str
    use: CellLayer
    path: tuple[str | int, ...]


def places(plan: Plan) -> Iterator[Place]:
    """All places of a network's cells, each after that which holds it."""
    for layer in cell_layers(plan):
        yield from _within(Place(layer.name, layer, (layer.cell.name,)))


def _within(at: Place) -> Iterator[Place]:
    """A place and all those in it."""
    yield at
    for number, offered in enumerate(at.use.edges):
        for column, term in enumerate(offered):
            for turn, use in enumerate(held(term)):
                path = (*at.path, number, column, use.cell.name)
                yield from _within(Place(f"{at.name}.{number}.{column}.{turn}", use, path))


def counted(plan: Plan, unit: str) -> Prices:
    """What the parts of a network of images cost, in one of `UNITS`."""
    part = UNITS.index(unit)
    return Prices(
        unit,
        {name: term_cost(term)[part] for name, term in outside(plan)},
        {
            at.name: [[term_cost(term)[part] for term in terms] for terms in at.use.edges]
            for at in places(plan)
        },
    )


def budget(plan: Plan, prices: Prices) -> Budget:
    """What a network of images costs, whose parts have these prices."""
    cells: dict[tuple[str | int, ...], Cell] = {}
    rows: dict[tuple[str | int, ...], list[list[float]]] = {}
    for at in places(plan):
        cells[at.path] = at.use.cell
        here = prices.edges[at.name]
        before = rows.get(at.path, [[0] * len(row) for row in here])
        rows[at.path] = [
            [a + b for a, b in zip(one, other, strict=True)] for one, other in zip(before, here, strict=True)
        ]
    numbers = {path: number for number, path in enumerate(cells)}
    found = []
    for path, cell in cells.items():
        *above, edge, column, _ = path if len(path) > 1 else (*path, 0, 0, "")
        holder = (numbers[tuple(above)], int(edge), int(column)) if len(path) > 1 else None
        shares = tuple(_share(cell, each.target) for each in cell.edges)
        found.append(CellCosts(cell, tuple(map(tuple, rows[path])), shares, holder))
    return Budget(sum(prices.outside.values()), tuple(found))


def _staying(costs: CellCosts, rows: Sequence[Sequence[float]]) -> list[float]:
    """Of each searched edge, how much more likely it stays since others into its node have no weight left."""
    there = [any(row) for row in rows]
    found = []
    for meeting in costs.meeting() if rows else ():
        left = sum(met for met, stays in zip(meeting, there, strict=True) if stays)
        found.append(sum(meeting) / left if left else 1.0)
    return found


def _share(cell: Cell, target: str) -> float:
    """How many of the edges into a node stay, as a part of them."""
    keep = next(node.keep for node in cell.nodes if node.name == target)
    return 1.0 if keep is None else keep / len(cell.incoming(target))
