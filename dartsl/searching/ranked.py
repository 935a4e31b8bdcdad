"""Choices for all edges of a network, the likeliest first: how `connected` searches where cells stand within cells.

What such a cell lets through depends on choices that are made in another one, so that the search of `routes.py`, layer
by layer, does not fit. Here whole networks are tried in order of what they cost, until one lets its input through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from heapq import heappop, heappush

Costs = Mapping[str, Mapping[int, Mapping[int, float]]]  # by cell, place of the edge, and column
Choices = dict[str, dict[int, int]]  # by cell and place of the edge, the column

MOST_TRIED = 3_000  # some seconds


def likeliest(costs: Costs, lets_through: Callable[[Choices], bool]) -> Choices | None:
    """The columns of all edges, at the least sum of costs at which a network lets its input through; of equal ones that
    of the earlier candidates. None where none of the first `MOST_TRIED` does."""
    for number, chosen in enumerate(_ranked(costs)):
        if number == MOST_TRIED:
            return None
        if lets_through(chosen):
            return chosen
    return None


def _ranked(costs: Costs) -> Iterator[Choices]:
    """All choices, each once, in order of their sums of costs."""
    edges = [(cell, place) for cell, places in costs.items() for place in places]
    options = [sorted((cost, column) for column, cost in costs[cell][place].items()) for cell, place in edges]
    start = (0,) * len(edges)
    # Of each edge the rank of its option. What follows a state has one of its last edges a rank further: those before
    # the last that was moved stay, so that every state has one way to it.
    heap = [(sum(option[0][0] for option in options), start, 0)]
    while heap:
        total, ranks, moved = heappop(heap)
        found: Choices = {cell: {} for cell in costs}
        for (cell, place), option, rank in zip(edges, options, ranks, strict=True):
            found[cell][place] = option[rank][1]
        yield found
        for edge in range(moved, len(edges)):
            option, rank = options[edge], ranks[edge]
            if rank + 1 < len(option):
                following = (*ranks[:edge], rank + 1, *ranks[edge + 1 :])
                heappush(heap, (total + option[rank + 1][0] - option[rank][0], following, edge))
