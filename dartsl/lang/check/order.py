"""The order in which declarations that use each other are checked, and the loops among them (E0208)."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from dartsl.lang.codes.diagnostics import Diagnostic, Label
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
    label = "uses itself here" if len(found) == 1 else f"`{found[0].id}` is used here"
    return Diagnostic(
        "E0208",
        f"`{found[-1].id}` is defined by itself",
        Label(found[0].span, label),
        tuple(Label(use.span, f"`{use.id}` is used here") for use in found[1:9]),
        "a definition must end in what is defined without it",
    )
