"""Figures with a 95 % interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dartsl.run.schema import maybe, real, record

Z95 = 1.959963984540054  # the standard normal's 97.5 % quantile


@dataclass(frozen=True)
class Interval:
    """An error, a part of 1, with the 95 % interval of Wilson (1927)."""

    error: float
    low: float
    high: float


@dataclass(frozen=True)
class Range:
    """A quantity with a 95 % interval, whose ends are None where it is unknown."""

    value: float
    low: float | None
    high: float | None


OF_INTERVAL = record({"error": real, "low": real, "high": real})
OF_RANGE = record({"value": real, "low": maybe(real), "high": maybe(real)})


def wilson(wrong: int, count: int, z: float = Z95) -> Interval:
    """The score interval of a proportion (Wilson, J. Am. Stat. Assoc. 22, 1927): it stays within 0 .. 1."""
    share = wrong / count
    scale = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return Interval(share, max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share)))


def interval_text(found: Interval) -> str:
    """As `2.76 % (95 %: 2.46 to 3.10)`."""
    return f"{100 * found.error:.2f} % (95 %: {100 * found.low:.2f} to {100 * found.high:.2f})"


def range_text(found: Range, form: str) -> str:
    """As `3.412 (95 %: 3.380 to 3.445)`, in a form such as `.3f`; without the interval where that is unknown."""
    if found.low is None or found.high is None:
        return f"{found.value:{form}}"
    return f"{found.value:{form}} (95 %: {found.low:{form}} to {found.high:{form}})"
