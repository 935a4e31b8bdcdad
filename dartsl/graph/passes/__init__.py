"""The optimising passes, and what each did to a graph. `dartsl/graph/target.py` has their order, level by level.

A pass gives a new graph: the same outputs, gradients and running statistics from the same parameters. It goes by traits
of kinds, attributes, shapes and structure, never by the names of operations, and where it does not apply it gives the
graph as it is. README.md says what each does and why it is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import networkx as nx

from dartsl.graph.operations import info
from dartsl.graph.passes import pipeline
from dartsl.graph.passes.base import Pass
from dartsl.graph.passes.blend import Blend
from dartsl.graph.passes.cse import Cse
from dartsl.graph.passes.dead import Dead
from dartsl.graph.passes.depthwise import Depthwise
from dartsl.graph.passes.fold import Fold
from dartsl.graph.passes.fuse import Fuse
from dartsl.graph.passes.gather import Gather
from dartsl.graph.passes.highway import Highway
from dartsl.graph.passes.in_place import InPlace
from dartsl.graph.passes.layout import Layout
from dartsl.graph.passes.linears import Linears
from dartsl.graph.passes.mixed_lerp import MixedLerp
from dartsl.graph.passes.order import Order
from dartsl.graph.passes.pipeline import PipelineError
from dartsl.graph.passes.pools import Pools
from dartsl.graph.passes.shuffles import Shuffles
from dartsl.graph.passes.space_to_batch import SpaceToBatch
from dartsl.graph.passes.stack import Stack
from dartsl.graph.passes.sums import Sums
from dartsl.graph.passes.terms import Terms
from dartsl.graph.rewrite import applications, assemble
from dartsl.graph.target import LEVELS, Target
from dartsl.graph.traffic import Cost, cost
from dartsl.graph.verify import verify

__all__ = [
    "PASSES",
    "Optimised",
    "Pass",
    "PipelineError",
    "Report",
    "apply",
    "optimise",
    "parse",
    "passes_of",
]

PASSES: Mapping[str, type[Pass]] = {
    each.name: each
    for each in (
        *(Dead, Cse, Shuffles, Fold, MixedLerp, Gather, Linears, Highway, SpaceToBatch, Blend),
        *(Fuse, Pools, Depthwise, Stack, Sums, Terms, Layout, InPlace, Order),
    )
}


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


def parse(text: str) -> tuple[Pass, ...]:
    """The passes of a text, `cse,fold,stack(limit=32768)`; options that are left out have their defaults.

    Raises PipelineError for what is no such text, and for a pass whose requirements those before it do not ensure.
    """
    return pipeline.parse(text, PASSES)


def passes_of(level: int, target: Target, until: str | None = None) -> tuple[Pass, ...]:
    """The passes of a level, in order, as far as the one named `until`.

    Raises ValueError where there is no such level, or no such pass in it.
    """
    if level not in LEVELS:
        raise ValueError(f"the level is one of {', '.join(map(str, LEVELS))}, not {level}")
    found = parse(target.passes[level])
    if until is None:
        return found
    names = [each.name for each in found]
    if until not in names:
        has = f"-O{level} for {target.name} has no pass {until}"
        raise ValueError(f"{has}, but {', '.join(names)}" if names else has)
    return found[: names.index(until) + 1]


def optimise(graph: nx.DiGraph, level: int, target: Target) -> Optimised:
    """A graph through the passes of a level. Raises ValueError as `passes_of` does, GraphError as `apply`."""
    return apply(graph, passes_of(level, target))


def apply(graph: nx.DiGraph, passes: Iterable[Pass]) -> Optimised:
    """A graph through some passes, in the order given, with the verifier after each.

    No pass sees what the output does not need: merged with what it needs, it would be computed. Raises GraphError, a
    bug, where a pass breaks the graph.
    """
    reports = []
    before = cost(graph)
    graph = assemble(applications(graph), info(graph))
    for each in passes:
        graph = each.run(graph)
        verify(graph)
        after = cost(graph)
        reports.append(Report(each.name, before, after))
        before = after
    return Optimised(graph, tuple(reports))
