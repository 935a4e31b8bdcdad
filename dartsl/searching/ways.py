"""The likeliest choices in one cell that let something through: an exact search, backwards from its output.

A cell is used in several layers, each of which may ask something else of it: see `Scenario`. A state of the search is
what is still demanded of values of the cell; the latest of them is taken next, so that each node is looked at once, and
what is chosen on an edge counts once however many scenarios need it. States are taken in order of what they cost with
the least that their dearest demand will add (A*), so the first that has no demand left but on inputs is the best one.

One scenario through sums is a shortest path. What makes it harder are several demands at a time: of a `product`, whose
other factors must not be zero, and of several scenarios; then states are sets of demands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import inf

from dartsl.lang.plan.flow import DEPENDENT, ZERO, Flow, Level


class TooHardError(Exception):
    """The search has looked at more states than it may."""


class Budget:
    """How many states may still be looked at."""

    def __init__(self, states: int) -> None:
        self._left = states

    def spend(self) -> None:
        """Raises TooHardError."""
        self._left -= 1
        if self._left < 0:
            raise TooHardError


@dataclass(frozen=True)
class Option:
    """A candidate of an edge, by its column; what it costs beside the likeliest; its flow in each kind of use."""

    column: int
    cost: float
    flows: tuple[Flow, ...]


@dataclass(frozen=True)
class Feed:
    """What a value is merged from: another value, through one of several candidates of an edge.

    `edge` is its place in the cell; None, and one option, where a cell's output merges its nodes.
    """

    source: int
    options: tuple[Option, ...]
    edge: int | None = None


@dataclass(frozen=True)
class Graph:
    """A cell: its values are its inputs, its nodes and its outputs, numbered in that order, in which data flows.

    `merges` and `feeds` run along nodes and outputs, `outputs` in number.
    """

    inputs: int
    merges: tuple[str, ...]
    feeds: tuple[tuple[Feed, ...], ...]
    outputs: int = 1

    def output(self, number: int) -> int:
        """The value that an output is."""
        return self.inputs + len(self.merges) - self.outputs + number


@dataclass(frozen=True)
class Scenario:
    """That a cell, in one kind of its uses, gives `level` or more at `output`, of inputs with `inputs` or more."""

    kind: int
    level: Level
    inputs: tuple[Level, ...]
    output: int = 0


@dataclass(frozen=True)
class Found:
    """Choices, by edge, that cost `cost` together, and what an open scenario needs of the inputs."""

    cost: float
    inputs: tuple[Level, ...]
    columns: Mapping[int, int]


@dataclass(frozen=True)
class _State:
    """What is still demanded.

    values   levels, by (value, scenario)
    feeds    levels of what the value in hand is merged from, as (place, scenario, level)
    picked   the options of those that are chosen by now, by place
    """

    values: frozenset[tuple[int, int, Level]]
    feeds: tuple[tuple[int, int, Level], ...] = ()
    picked: frozenset[tuple[int, int]] = frozenset()
    hand: int = -1


Picks = tuple[tuple[int, int], ...]  # of the way to a state: the column of each edge


class Query:
    """Choices for all scenarios in `fixed`.

    With a `kind`, they also give `level` at `output` in such a use; then each answer says of which inputs.
    """

    def __init__(
        self,
        graph: Graph,
        budget: Budget,
        fixed: Sequence[Scenario],
        kind: int | None = None,
        level: Level = DEPENDENT,
        output: int = 0,
    ) -> None:
        self._graph = graph
        self._budget = budget
        self._fixed = fixed
        self._kinds = [scenario.kind for scenario in fixed] + ([] if kind is None else [kind])
        wanted = [(graph.output(each.output), place, each.level) for place, each in enumerate(fixed)]
        if kind is not None:
            wanted.append((graph.output(output), len(fixed), level))
        self._start = _State(frozenset(wanted))
        self._bounds = [self._least_costs(place) for place in range(len(self._kinds))]

    def answers(self) -> Iterator[Found]:
        """The cheapest first; one for each set of levels of the inputs that will do. Raises TooHardError."""
        order = count()
        bound = self._bound(self._start)
        heap: list[tuple[float, int, float, _State, Picks]] = [(bound, next(order), 0.0, self._start, ())]
        done: set[_State] = set()
        while heap:
            bound, _, cost, state, picks = heappop(heap)
            if bound == inf:
                return
            if state in done:
                continue
            done.add(state)
            self._budget.spend()
            if not state.feeds and all(value < self._graph.inputs for value, _, _ in state.values):
                yield Found(cost, self._inputs(state), dict(picks))
                continue
            for more, following, added in self._following(state):
                spent = cost + more
                entry = (spent + self._bound(following), next(order), spent, following, picks + added)
                heappush(heap, entry)

    def _least_costs(self, scenario: int) -> list[dict[Level, float]]:
        """For each value what it costs at least to have a level, when it is all that is demanded."""
        graph = self._graph
        fixed = self._fixed[scenario].inputs if scenario < len(self._fixed) else (DEPENDENT,) * graph.inputs
        costs = [{level: 0.0 if level <= given else inf for level in Level} for given in fixed]
        for merge, feeds in zip(graph.merges, graph.feeds, strict=True):
            found = {ZERO: 0.0}
            for level in (Level.CONSTANT, DEPENDENT):
                found[level] = min(
                    (
                        max(self._feed_cost(costs, feeds[place], scenario, each) for place, each in way)
                        for way in ways(merge, level, len(feeds))
                    ),
                    default=inf,
                )
            costs.append(found)
        return costs

    def _feed_cost(
        self,
        costs: Sequence[Mapping[Level, float]],
        feed: Feed,
        scenario: int,
        level: Level,
        picked: int | None = None,
    ) -> float:
        """At least, of a feed to bring a level; what is picked is paid for."""
        best = inf
        for number, option in enumerate(feed.options):
            needed = least(option.flows[self._kinds[scenario]], level)
            if needed is not None and picked in (None, number):
                best = min(best, costs[feed.source][needed] + (option.cost if picked is None else 0.0))
        return best

    def _bound(self, state: _State) -> float:
        """What a state's demands will cost at least: as much as the dearest of them alone."""
        bounds = [self._bounds[scenario][value][level] for value, scenario, level in state.values]
        if state.feeds:
            feeds, picked = self._graph.feeds[state.hand - self._graph.inputs], dict(state.picked)
            for place, scenario, level in state.feeds:
                costs = self._bounds[scenario]
                bounds.append(self._feed_cost(costs, feeds[place], scenario, level, picked.get(place)))
        return max(bounds, default=0.0)

    def _inputs(self, state: _State) -> tuple[Level, ...]:
        levels = {value: level for value, _, level in state.values}
        return tuple(levels.get(value, ZERO) for value in range(self._graph.inputs))

    def _following(self, state: _State) -> Iterator[tuple[float, _State, Picks]]:
        """What may be done next about a state: its cost, the state then, and what was picked."""
        if state.feeds:
            yield from self._through(state)
            return
        value, scenario, level = max(state.values)
        place = value - self._graph.inputs
        rest = state.values - {(value, scenario, level)}
        picked = state.picked if state.hand == value else frozenset()
        for way in ways(self._graph.merges[place], level, len(self._graph.feeds[place])):
            feeds = tuple((feed, scenario, needed) for feed, needed in way)
            yield 0.0, _State(rest, feeds, picked, value), ()

    def _through(self, state: _State) -> Iterator[tuple[float, _State, Picks]]:
        """The candidates by which the first feed that is demanded can come to its level."""
        (place, scenario, level), *others = state.feeds
        feed = self._graph.feeds[state.hand - self._graph.inputs][place]
        picked = dict(state.picked)
        for number, option in enumerate(feed.options):
            if picked.get(place, number) != number:
                continue
            needed = least(option.flows[self._kinds[scenario]], level)
            values = None if needed is None else self._demanding(state, feed.source, scenario, needed)
            if values is None:
                continue
            again = place in picked
            added = () if again or feed.edge is None else ((feed.edge, option.column),)
            following = _State(values)
            if others or any(value == state.hand for value, _, _ in values):  # the node is still in hand
                following = _State(values, tuple(others), state.picked | {(place, number)}, state.hand)
            yield 0.0 if again else option.cost, following, added

    def _demanding(
        self, state: _State, source: int, scenario: int, level: Level
    ) -> frozenset[tuple[int, int, Level]] | None:
        """The demands of a state and one more; None where an input does not have it."""
        if level == ZERO:
            return state.values
        if source < self._graph.inputs and scenario < len(self._fixed):
            return state.values if level <= self._fixed[scenario].inputs[source] else None
        for other in Level:
            if (source, scenario, other) in state.values:
                return state.values - {(source, scenario, other)} | {(source, scenario, max(other, level))}
        return state.values | {(source, scenario, level)}


def least(flow: Flow, wanted: Level) -> Level | None:
    """The least level of which an operation gives `wanted`, or more; None where there is none."""
    return next((level for level in Level if flow[level] >= wanted), None)


def ways(merge: str, level: Level, count: int) -> list[tuple[tuple[int, Level], ...]]:
    """How a merge of `count` values comes to a level: in each way, levels of some of them. See `flow.merged`."""
    if merge == "product":
        some = Level.CONSTANT
        if level == some:
            return [tuple((place, some) for place in range(count))]
        return [
            tuple((place, level if place == strong else some) for place in range(count))
            for strong in range(count)
        ]
    if merge == "lerp":
        found: list[tuple[tuple[int, Level], ...]] = [((0, level),), ((1, level), (2, Level.CONSTANT))]
        if level == DEPENDENT:
            found += [((2, level), (other, Level.CONSTANT)) for other in (0, 1)]
        return found
    return [((place, level),) for place in range(count)]
