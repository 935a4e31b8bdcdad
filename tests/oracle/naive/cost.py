"""Costs of DARTS's operations, from their definitions, and the expected cost of a search network of one normal cell."""

from __future__ import annotations

from collections.abc import Sequence


def parameters(name: str, channels: int) -> int:
    """Weights of an operation of stride 1 in a found network, where batch norm has a scale and a shift a channel."""
    norm, point = 2 * channels, channels * channels
    sizes = {"sep_conv_3x3": 3, "sep_conv_5x5": 5, "dil_conv_3x3": 3, "dil_conv_5x5": 5}
    if name not in sizes:
        return 0
    once = channels * sizes[name] ** 2 + point + norm
    return 2 * once if name.startswith("sep") else once


def expected(
    weights: Sequence[Sequence[float]],
    names: Sequence[str],
    channels: int,
    inputs: int,
    nodes: int,
    keep: int,
) -> float:
    """The sum over all edges of keep / (edges into the node) * sum over candidates of w * cost."""
    total, row = 0.0, 0
    for node in range(nodes):
        edges = inputs + node
        for _ in range(edges):
            for name, weight in zip(names, weights[row], strict=True):
                total = total + keep / edges * weight * parameters(name, channels)
            row += 1
    return total
