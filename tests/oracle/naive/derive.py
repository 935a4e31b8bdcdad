"""From alphas to cells (arXiv 1806.09055, section 2.4), with the tie rules written out."""

from __future__ import annotations

import math
from collections.abc import Sequence

Pick = tuple[str, int, float]  # (operation, source, weight)


def softmax(row: Sequence[float]) -> list[float]:
    top = max(row)
    powers = [math.exp(value - top) for value in row]
    return [power / sum(powers) for power in powers]


def _largest(names: Sequence[str], weights: Sequence[float], skip_none: bool) -> tuple[str, float]:
    best_name, best = "", -1.0
    for name, weight in zip(names, weights, strict=True):
        if skip_none and name == "none":
            continue
        if weight > best:  # strictly: a tie stays with the earlier candidate
            best_name, best = name, weight
    return best_name, best


def keep_strongest(
    weights: Sequence[Sequence[float]], names: Sequence[str], inputs: int, nodes: int, keep: int
) -> list[list[Pick]]:
    """For each node its `keep` strongest edges, strongest first; `none` neither ranks nor wins.

    `weights`: mixing weights (rows sum to 1), a row an edge, node by node, sources ascending.
    """
    cell, row = [], 0
    for node in range(nodes):
        left: list[Pick] = []
        for source in range(inputs + node):
            name, weight = _largest(names, weights[row], skip_none=True)
            left.append((name, source, weight))
            row += 1
        kept: list[Pick] = []
        for _ in range(keep):
            strongest = left[0]
            for pick in left:
                if pick[2] > strongest[2]:  # strictly: a tie stays with the earlier edge
                    strongest = pick
            left.remove(strongest)
            kept.append(strongest)
        cell.append(kept)
    return cell


def remove_none(
    weights: Sequence[Sequence[float]], names: Sequence[str], inputs: int, nodes: int
) -> list[list[Pick]]:
    """For each node all its edges but those that `none` wins, strongest first (a space without `keep`).

    A node that loses all of them is fed by `none` from its first source.
    """
    cell, row = [], 0
    for node in range(nodes):
        picks: list[Pick] = []
        first_none = 0.0
        for source in range(inputs + node):
            name, weight = _largest(names, weights[row], skip_none=False)
            if name != "none":
                picks.append((name, source, weight))
            elif source == 0:
                first_none = weight
            row += 1
        ordered: list[Pick] = []
        for pick in picks:  # insertion before the first weaker one keeps ties in order
            place = next((i for i, other in enumerate(ordered) if other[2] < pick[2]), len(ordered))
            ordered.insert(place, pick)
        cell.append(ordered or [("none", 0, first_none)])
    return cell


def above_threshold(
    weights: Sequence[Sequence[float]],
    names: Sequence[str],
    inputs: int,
    nodes: int,
    keep: int,
    threshold: float,
) -> list[list[Pick]]:
    """FairDARTS (arXiv 1911.12126): the strongest edges as ever, of which those stay that reach the threshold.

    A node that loses all of them is fed by `none` from its first source, at weight 0.
    """
    cell = []
    for picks in keep_strongest(weights, names, inputs, nodes, keep):
        strong = []
        for pick in picks:
            if pick[2] >= threshold:
                strong.append(pick)
        cell.append(strong or [("none", 0, 0.0)])
    return cell


def at_most(
    weights: Sequence[Sequence[float]], names: Sequence[str], inputs: int, nodes: int, keep: int, skips: int
) -> list[list[Pick]]:
    """P-DARTS (arXiv 1904.12760): the weakest kept skip connection weighs 0, and the cell is derived again, until
    there are few enough."""
    weights = [list(row) for row in weights]
    while True:
        cell = keep_strongest(weights, names, inputs, nodes, keep)
        kept = []
        for node, picks in enumerate(cell):
            before = sum(inputs + earlier for earlier in range(node))
            kept += [(before + source, weight) for name, source, weight in picks if name == "skip_connect"]
        if len(kept) <= skips:
            return cell
        row, weakest = sorted(kept)[0]
        for other, weight in sorted(kept):
            if weight < weakest:
                row, weakest = other, weight
        weights[row][names.index("skip_connect")] = 0.0
