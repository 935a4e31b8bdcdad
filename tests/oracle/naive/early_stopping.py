"""RobustDARTS's early stopping (Zela et al., arXiv 1909.09656), value by value, as in the authors' code."""

from __future__ import annotations

from collections.abc import Sequence


def stops(
    curvatures: Sequence[float], every: int, window: int, lag: int, ratio: float, earliest: int
) -> tuple[int, int] | None:
    """The epoch after which a search ends, and the one whose architecture is returned, both from 0; None: never.

    `curvatures` are those of the epochs 0, every, 2 * every, ...
    """
    seen: list[float] = []
    averages: dict[int, float] = {}  # by the epoch at the middle of their window
    for place, value in enumerate(curvatures):
        epoch = place * every
        seen.append(value)
        middle = epoch - every * (window // 2)
        if middle < 0:
            continue
        averages[middle] = sum(seen[-window:]) / min(window, len(seen))
        before = middle - every * lag
        if before >= earliest and averages[middle] / averages[before] > ratio:
            return epoch, before
    return None
