"""The order in which declarations that use each other are checked, and the loops among them (E0208)."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from dartsl.lang.codes import e02
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.syntax.ast import Name

Uses = Mapping[str, Mapping[str, Name]]  # who uses whom: for each pair the name that makes the first use


def ordered(uses: Uses) -> tuple[list[str], list[set[str]]]:
    """The names that are in no loop, each after those it uses, and the loops: sets of names."""
    try:
        return list(TopologicalSorter(uses).static_order()), []
    except CycleError:
        pass
    import networkx as nx  # takes longer to import than most specs to check, and loops are rare

    graph = nx.DiGraph((user, used) for user, names in uses.items() for used in names)
    parts = list(nx.strongly_connected_components(graph))
    loops = [part for part in parts if len(part) > 1 or any(name in uses[name] for name in part)]
    looped = {name for part in loops for name in part}
    rest = {name: [n for n in names if n not in looped] for name, names in uses.items() if name not in looped}
    return list(TopologicalSorter(rest).static_order()), loops


def recursion(part: set[str], uses: Uses) -> Diagnostic:
    """E0208 for one loop among declarations that use each other; it starts at the one declared first."""
    import networkx as nx

    start = next(name for name in uses if name in part)
    graph = nx.DiGraph((user, used) for user in part for used in uses[user] if used in part)
    found = [uses[user][used] for user, used in nx.find_cycle(graph, start)]
    return e02.recursion([(use.span, use.id) for use in found])
