"""The optimising passes, in order, and what each did to a graph.

A pass is a function of a graph and a target that gives a new graph: the same outputs, gradients and running statistics
from the same parameters. It goes by kinds, attributes, shapes and structure, never by the names of operations, and
where it does not apply it gives the graph as it is. README.md says what each does and why it is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import networkx as nx

from dartsl.graph.operations import info
from dartsl.graph.passes import (
    blend,
    cse,
    dead,
    depthwise,
    fold,
    gather,
    highway,
    in_place,
    layout,
    linears,
    mixed_lerp,
    order,
    space_to_batch,
    stack,
    sums,
)
from dartsl.graph.rewrite import applications, assemble
from dartsl.graph.target import Target
from dartsl.graph.traffic import Cost, cost
from dartsl.graph.verify import verify

Run = Callable[[nx.DiGraph, Target], nx.DiGraph]

LEVELS = (0, 1, 2)
DEFAULT_LEVEL = 2


@dataclass(frozen=True)
class Pass:
    """A pass, and the lowest level at which it runs."""

    name: str
    level: int
    run: Run


PASSES: tuple[Pass, ...] = (
    Pass("dead", 1, dead.run),
    Pass("cse", 1, cse.run),
    Pass("fold", 2, fold.run),
    Pass("mixed_lerp", 2, mixed_lerp.run),
    Pass("gather", 2, gather.run),
    Pass("linears", 2, linears.run),
    Pass("highway", 2, highway.run),
    Pass("space_to_batch", 2, space_to_batch.run),
    Pass("blend", 2, blend.run),
    Pass("depthwise", 2, depthwise.run),
    Pass("stack", 2, stack.run),
    Pass("sums", 2, sums.run),
    Pass("layout", 2, layout.run),
    Pass("in_place", 2, in_place.run),
    Pass("order", 2, order.run),
)


@dataclass(frozen=True)
class Report:
    """What one pass did."""

    name: str
    before: Cost
    after: Cost


@dataclass(frozen=True)
class Optimised:
    """A graph, and the passes that it came through."""

    graph: nx.DiGraph
    reports: tuple[Report, ...]


def passes_of(level: int, until: str | None = None) -> tuple[Pass, ...]:
    """The passes of a level, in order, as far as the one named `until`.

    Raises ValueError where there is no such level, or no such pass in it.
    """
    if level not in LEVELS:
        raise ValueError(f"the level is one of {', '.join(map(str, LEVELS))}, not {level}")
    found = [each for each in PASSES if each.level <= level]
    if until is None:
        return tuple(found)
    names = [each.name for each in found]
    if until not in names:
        raise ValueError(f"-O{level} has no pass {until}, but {', '.join(names) or 'nothing'}")
    return tuple(found[: names.index(until) + 1])


def optimise(graph: nx.DiGraph, level: int, target: Target, *, until: str | None = None) -> Optimised:
    """A graph through the passes of a level, as far as the one named `until`.

    Raises ValueError as `passes_of` does, GraphError, a bug, where a pass breaks the graph.
    """
    return apply(graph, passes_of(level, until), target)


def apply(graph: nx.DiGraph, passes: Iterable[Pass], target: Target) -> Optimised:
    """A graph through some passes, in the order given, with the verifier after each.

    No pass sees what the output does not need: merged with what it needs, it would be computed.
    """
    reports = []
    before = cost(graph)
    graph = assemble(applications(graph), info(graph))
    for each in passes:
        graph = each.run(graph, target)
        verify(graph)
        after = cost(graph)
        reports.append(Report(each.name, before, after))
        before = after
    return Optimised(graph, tuple(reports))
