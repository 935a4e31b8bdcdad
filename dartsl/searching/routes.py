"""The likeliest choices in all cells of a network that let its input through to its output: an exact search.

Backwards from the head, layer by layer: what a layer shall give says what it needs of the layers it reads. For a cell
there may be several ways (`dartsl.searching.ways`), and as a cell's choices are the same wherever it stands, a way that
another layer of it has opened costs nothing more. A state is what is still demanded of layers, with the ways that are
open in cells which stand further forward too; they are taken in order of what they cost with the least that the cells
on the way to the input will add (A*).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count, product
from math import inf

from dartsl.lang.check.model import Cell
from dartsl.lang.plan.flow import DEPENDENT, PASSES, ZERO, Flow, Level, flow_of, steps_to_rise
from dartsl.lang.plan.terms import CellLayer, Plan, TermLayer
from dartsl.searching.ways import Budget, Feed, Found, Graph, Option, Query, Scenario, TooHardError, least

MOST_STATES = 30_000  # some seconds; the spaces from the literature need fewer than a hundred
ENTRY, NOTHING = -1, -2  # what is read of no layer: the input, which may have any level, and zeros

Costs = Mapping[str, Mapping[int, Mapping[int, float]]]  # by cell, place of the edge, and column
Columns = Mapping[int, int]
_Flows = tuple[tuple[Flow, ...], ...]


@dataclass(frozen=True)
class _Place:
    """A layer, or one step of a cell that runs along a sequence. `reads` are places, `flows` what is made of each.

    `cell` is None where the layer is one operation; `kind` tells the uses of a cell apart. A cell with several outputs
    has a place for each.
    """

    reads: tuple[int, ...]
    flows: tuple[Flow, ...]
    cell: str | None = None
    kind: int = 0
    output: int = 0


@dataclass(frozen=True)
class _State:
    """Levels that are demanded, by place, and the scenarios of cells that stand there or before."""

    demands: frozenset[tuple[int, Level]]
    open: frozenset[tuple[str, Scenario]] = frozenset()


@dataclass(frozen=True)
class _Way:
    """How a state was come to: all scenarios and what they cost, by cell."""

    scenarios: Mapping[str, tuple[Scenario, ...]] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)


def cheapest(plan: Plan, costs: Costs) -> Mapping[str, Columns] | None:
    """The columns of the edges that the input passes, by cell and place, at the least sum of costs.

    The other edges may take what costs nothing. None where no choice lets the input through. Where it would take too
    long to prove what is the least (cells of very many nodes), a cell is used in one way wherever it stands, which may
    cost a little more; None where that takes too long too (gates of many products).
    """
    for exact in (True, False):
        try:
            return _Routes(plan, costs, exact).solve()
        except TooHardError:
            continue
    return None


class _Answers:
    """Answers as they come, kept."""

    def __init__(self, answers: Iterator[Found]) -> None:
        self._answers = answers
        self._known: list[Found] = []

    def at(self, place: int) -> Found | None:
        """None after the last one."""
        while len(self._known) <= place:
            found = next(self._answers, None)
            if found is None:
                return None
            self._known.append(found)
        return self._known[place]


class _Routes:
    def __init__(self, plan: Plan, costs: Costs, exact: bool) -> None:
        self._exact = exact
        self._budget = Budget(MOST_STATES)
        self._places: list[_Place] = []
        uses: dict[str, dict[_Flows, int]] = {}  # by cell, the kinds of its uses
        known: dict[int, int] = {}  # equal uses have the very same terms
        names = {plan.input.word: ENTRY}
        for layer in plan.layers:
            reads = [names[name] for name in layer.reads]
            if isinstance(layer, TermLayer):
                self._places.append(_Place(tuple(reads), (flow_of(layer.term, decided=True),)))
                names[layer.name] = len(self._places) - 1
            else:
                kinds = uses.setdefault(layer.cell.name, {})
                if id(layer.edges) not in known:
                    known[id(layer.edges)] = kinds.setdefault(_flows(layer), len(kinds))
                names[layer.name] = self._add_cell(layer, reads, known[id(layer.edges)])
        cells = {cell.name: cell for cell in plan.cells()}
        self._graphs = {name: _graph(cells[name], list(kinds), costs[name]) for name, kinds in uses.items()}
        self._kinds = {name: len(kinds) for name, kinds in uses.items()}
        self._first = {
            place.cell: number for number, place in reversed(list(enumerate(self._places))) if place.cell
        }
        self._known: dict[tuple[str, tuple[Scenario, ...], int, Level, int], _Answers] = {}
        self._bounds: dict[tuple[int, frozenset[str]], float] = {}

    def _add_cell(self, layer: CellLayer, reads: Sequence[int], kind: int) -> int:
        """Adds a cell, or of one that runs along a sequence the steps in which levels can rise from zeros to the top.

        Gives the place of its first output.
        """
        name = layer.cell.name
        flows = tuple(PASSES if term is None else flow_of(term, decided=True) for term in layer.inputs)
        if layer.scan is None:
            self._places.append(_Place(tuple(reads), flows, name, kind))
            return len(self._places) - 1
        carries = dict.fromkeys(layer.scan.carries, NOTHING)
        for _ in range(steps_to_rise(layer.scan)):
            read = tuple(carries.get(item.name, reads[0]) for item in layer.cell.inputs)
            first = len(self._places)
            self._places += (_Place(read, flows, name, kind, output) for output in range(len(carries)))
            carries = dict(zip(carries, count(first), strict=False))
        return first

    def solve(self) -> Mapping[str, Columns] | None:
        """The columns, by cell. Raises TooHardError."""
        start, way, order = _State(frozenset([(len(self._places) - 1, DEPENDENT)])), _Way(), count()
        # `opening` counts from 1 the ways that the last place is still to be opened in; 0: what is open there will do.
        # Of states that may cost the same those with 0 come first, and the latest of them: straight to the input.
        heap: list[tuple[float, int, int, _State, _Way]] = [(self._bound(start, way), 0, 0, start, way)]
        done: set[tuple[_State, int]] = set()
        while heap:
            bound, opening, _, state, way = heappop(heap)
            if bound == inf:
                return None
            if (state, opening) in done:
                continue
            done.add((state, opening))
            self._budget.spend()
            if not state.demands:
                return self._columns(way)
            number, level = max(state.demands)
            place = self._places[number]
            if opening:
                options = self._opened(place, level, way, opening)
                bound = max(bound, *(sum(each.costs.values()) for _, each in options), 0.0)
            else:
                options = self._open(place, level, way)
            if place.cell is not None and (options if opening else self._exact or not options):
                heappush(heap, (bound, opening + 1, -next(order), state, way))
            for inputs, changed in options:
                following = self._following(state, number, inputs, changed)
                if following is not None:
                    total = sum(changed.costs.values()) + self._bound(following, changed)
                    heappush(heap, (total, 0, -next(order), following, changed))
        return None

    def _bound(self, state: _State, way: _Way) -> float:
        """What a state's dearest demand will cost at least."""
        opened = frozenset(way.scenarios)
        demands = [number for number, level in state.demands if level == DEPENDENT]
        return max((self._least_cost(number, opened) for number in demands), default=0.0)

    def _least_cost(self, number: int, opened: frozenset[str]) -> float:
        """From a place to the input: each cell on the way that is not open once, by its cheapest use.

        Which inputs that use reads is left open, so it may be less than what will do.
        """
        waiting = [(number, opened)]
        while waiting:
            here, known = waiting[-1]
            key = self._bound_key(here, known)
            if here < 0 or key in self._bounds:
                waiting.pop()
                continue
            place = self._places[here]
            own = 0.0
            if place.cell is not None and place.cell not in known:
                own, known = self._cheapest_use(place.cell), known | {place.cell}
            reads = [
                read
                for read, flow in zip(place.reads, place.flows, strict=True)
                if DEPENDENT in flow and read != NOTHING
            ]
            open_ = [
                (read, known)
                for read in reads
                if read >= 0 and self._bound_key(read, known) not in self._bounds
            ]
            if open_:
                waiting += open_
                continue
            costs = [0.0 if read == ENTRY else self._bounds[self._bound_key(read, known)] for read in reads]
            self._bounds[key] = own + min(costs, default=inf)
        return self._bounds[self._bound_key(number, opened)]

    def _bound_key(self, number: int, opened: frozenset[str]) -> tuple[int, frozenset[str]]:
        """Cells that stand only after a place do not matter there."""
        return number, frozenset(cell for cell in opened if self._first[cell] <= number)

    def _cheapest_use(self, cell: str) -> float:
        uses = product(range(self._kinds[cell]), range(self._graphs[cell].outputs))
        found = [self._answers(cell, (), kind, DEPENDENT, output).at(0) for kind, output in uses]
        return min((first.cost for first in found if first is not None), default=inf)

    def _open(self, place: _Place, level: Level, way: _Way) -> list[tuple[tuple[Level, ...], _Way]]:
        """Levels of what a place reads with which it gives `level`, by what is open."""
        if place.cell is None:
            needed = least(place.flows[0], level)
            return [] if needed is None else [((needed,), way)]
        return [
            (each.inputs, way)
            for each in way.scenarios.get(place.cell, ())
            if each.kind == place.kind and each.output == place.output and each.level >= level
        ]

    def _opened(
        self, place: _Place, level: Level, way: _Way, number: int
    ) -> list[tuple[tuple[Level, ...], _Way]]:
        """The same by the cheapest way of its cell, the next one or a later one by its number; none after the last."""
        assert place.cell is not None
        scenarios = way.scenarios.get(place.cell, ())
        found = self._answers(place.cell, scenarios, place.kind, level, place.output).at(number - 1)
        if found is None:
            return []
        scenario = Scenario(place.kind, level, found.inputs, place.output)
        changed = _Way(
            {**way.scenarios, place.cell: (*scenarios, scenario)}, {**way.costs, place.cell: found.cost}
        )
        return [(found.inputs, changed)]

    def _answers(
        self, cell: str, scenarios: tuple[Scenario, ...], kind: int, level: Level, output: int
    ) -> _Answers:
        key = (cell, scenarios, kind, level, output)
        if key not in self._known:
            query = Query(self._graphs[cell], self._budget, scenarios, kind, level, output)
            self._known[key] = _Answers(query.answers())
        return self._known[key]

    def _following(self, state: _State, number: int, inputs: Sequence[Level], way: _Way) -> _State | None:
        """What is demanded once a place gets such inputs; None where it cannot get them."""
        place = self._places[number]
        demands = {other: level for other, level in state.demands if other != number}
        for read, flow, level in zip(place.reads, place.flows, inputs, strict=True):
            needed = level if place.cell is None else least(flow, level)
            if needed is None or (read == NOTHING and needed > ZERO):
                return None
            if read >= 0 and needed > ZERO:
                demands[read] = max(needed, demands.get(read, ZERO))
        last = max(demands, default=-1)
        still = [(cell, each) for cell, found in way.scenarios.items() for each in found]
        return _State(
            frozenset(demands.items()),
            frozenset((cell, each) for cell, each in still if self._first[cell] <= last),
        )

    def _columns(self, way: _Way) -> dict[str, Columns]:
        return {
            cell: next(Query(self._graphs[cell], self._budget, scenarios).answers()).columns
            for cell, scenarios in way.scenarios.items()
        }


def _flows(layer: CellLayer) -> _Flows:
    """Of each candidate of each edge."""
    return tuple(tuple(flow_of(term, decided=True) for term in terms) for terms in layer.edges)


def _graph(cell: Cell, kinds: Sequence[_Flows], costs: Mapping[int, Mapping[int, float]]) -> Graph:
    """A cell for the search in it; `costs` has the edges that may stay, and what they may take."""
    names = [*(item.name for item in cell.inputs), *(node.name for node in cell.nodes)]
    values = {name: number for number, name in enumerate(names)}
    places = {id(edge): place for place, edge in enumerate(cell.edges)}
    feeds: list[tuple[Feed, ...]] = []
    for node in cell.nodes:
        incoming = [(places[id(edge)], edge) for edge in cell.incoming(node.name)]
        feeds.append(
            tuple(
                Feed(values[edge.source], _options(kinds, place, costs[place]), place)
                for place, edge in incoming
                if place in costs
            )
        )
    as_it_is = (Option(0, 0.0, (PASSES,) * len(kinds)),)
    outputs = cell.outputs
    feeds += (tuple(Feed(values[name], as_it_is) for name in output.nodes) for output in outputs)
    merges = (*(node.merge for node in cell.nodes), *(output.merge or "sum" for output in outputs))
    return Graph(len(cell.inputs), merges, tuple(feeds), len(outputs))


def _options(kinds: Sequence[_Flows], place: int, costs: Mapping[int, float]) -> tuple[Option, ...]:
    """The candidates of an edge, cheapest first, without those that a cheaper one can stand for."""
    found: list[Option] = []
    for column, cost in sorted(costs.items(), key=lambda item: (item[1], item[0])):
        flows = tuple(kind[place][column] for kind in kinds)
        if not any(_covers(other.flows, flows) for other in found):
            found.append(Option(column, cost, flows))
    return tuple(found)


def _covers(flows: Sequence[Flow], others: Sequence[Flow]) -> bool:
    """Whether operations with these flows always give as much as others."""
    return all(
        mine >= theirs
        for flow, other in zip(flows, others, strict=True)
        for mine, theirs in zip(flow, other, strict=True)
    )
