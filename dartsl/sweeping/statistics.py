"""What a few figures allow to be said: means, differences with their confidence intervals, the best of several.

All figures are such that lower is better (errors, perplexities, squared errors). What cannot be computed is None,
never NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, fsum, isfinite, sqrt

import numpy as np
from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95
RESAMPLES = 10_000
EQUAL = 1e-12  # a spread that is smaller than this part of the figures is rounding


@dataclass(frozen=True)
class Interval:
    """The bounds of a confidence interval."""

    low: float
    high: float

    @property
    def side(self) -> int:
        """-1 where all of it is below zero, 1 where all of it is above, 0 where zero lies within."""
        return -1 if self.high < 0 else int(self.low > 0)


@dataclass(frozen=True)
class Summary:
    """Of `n` figures: the mean, the deviation (n - 1), the standard error of the mean, the lowest and the highest."""

    n: int
    mean: float | None
    deviation: float | None
    standard_error: float | None
    lowest: float | None
    highest: float | None


@dataclass(frozen=True)
class Difference:
    """The mean difference of two samples, the first less the second.

    kind            `paired`, or `welch` (two samples without pairs)
    n               pairs, or the figures of the smaller sample
    mean            difference of the means
    standard_error  of it
    interval        Student's t, 95 %
    bootstrap       percentiles of resampled means, 95 %
    p               of the two-sided t test
    equal           all differences (of unpaired samples: all figures within each sample) are the same. A t test cannot
                    then say anything, and no interval is given
    """

    kind: str
    n: int
    mean: float | None
    standard_error: float | None = None
    interval: Interval | None = None
    bootstrap: Interval | None = None
    p: float | None = None
    equal: bool = False


def summary(values: Sequence[float]) -> Summary:
    """Of no figures all is None; of a single one what needs two. Raises ValueError for one that is not finite."""
    _require_finite(values)
    n = len(values)
    if not n:
        return Summary(0, None, None, None, None, None)
    deviation = _deviation(values) if n > 1 else None
    error = None if deviation is None else deviation / sqrt(n)
    return Summary(n, _mean(values), deviation, error, min(values), max(values))


def paired(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> Difference:
    """Of two samples whose figures belong together, one by one. Raises ValueError where they are not as many."""
    _require_finite([*first, *second])
    differences = [one - other for one, other in zip(first, second, strict=True)]
    n = len(differences)
    if not n:
        return Difference("paired", 0, None)
    mean = _mean(differences)
    if n < 2:
        return Difference("paired", n, mean)
    if _same(differences, [*first, *second]):
        nothing = _same([mean, 0.0], [*first, *second])
        return Difference("paired", n, 0.0 if nothing else mean, 0.0, equal=True)
    error = _deviation(differences) / sqrt(n)
    means = _resampled_means(differences, np.random.default_rng(seed))
    return _difference("paired", n, mean, error, n - 1, means)


def welch(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> Difference:
    """Of two samples without pairs, whose variances may differ (Welch 1947)."""
    _require_finite([*first, *second])
    sizes = len(first), len(second)
    n = min(sizes)
    if not n:
        return Difference("welch", 0, None)
    mean = _mean(first) - _mean(second)
    if n < 2:
        return Difference("welch", n, mean)
    if _same(first, first) and _same(second, second):
        return Difference("welch", n, mean, 0.0, equal=True)
    parts = [_deviation(values) ** 2 / len(values) for values in (first, second)]
    error = sqrt(fsum(parts))
    freedom = fsum(parts) ** 2 / fsum(part**2 / (size - 1) for part, size in zip(parts, sizes, strict=True))
    generator = np.random.default_rng(seed)
    means = _resampled_means(first, generator) - _resampled_means(second, generator)
    return _difference("welch", n, mean, error, freedom, means)


def expected_best(values: Sequence[float], n: int) -> float | None:
    """The expected lowest of n different figures out of a sample, each n of them as likely.

    The i-th lowest of m figures (from 0) is the lowest drawn one in C(m - 1 - i, n - 1) of the C(m, n) ways. None
    where the sample has less than n.
    """
    _require_finite(values)
    m = len(values)
    if not 1 <= n <= m:
        return None
    ways = [comb(m - 1 - place, n - 1) for place in range(m)]
    return fsum(value * (way / comb(m, n)) for value, way in zip(sorted(values), ways, strict=True))


def relative_improvement(found: float, chance: float, *, share: bool = True) -> float | None:
    """How much better a mean figure is than that of random architectures, in percent.

    For errors as shares of one it is that of the accuracies, 100 (found - random) / random, as in Yang et al. 2020,
    "NAS evaluation is frustratingly hard", arXiv 1912.12522. For figures that are no share, such as perplexities, it
    is what of the random one is gone, 100 (random - found) / random. None where that would divide by zero.
    """
    base = 1 - chance if share else chance
    return 100 * (chance - found) / base if base else None


def holm(values: Sequence[float | None]) -> tuple[float | None, ...]:
    """The p values of several comparisons, corrected for their number (Holm 1979).

    One that could not be computed counts among the comparisons, as one that says nothing.
    """
    order = sorted(range(len(values)), key=lambda place: _or_one(values[place]))
    corrected: list[float | None] = [None] * len(values)
    reached = 0.0
    for rank, place in enumerate(order):
        value = values[place]
        if value is not None:
            reached = max(reached, min(1.0, (len(values) - rank) * value))
            corrected[place] = reached
    return tuple(corrected)


def all_equal(values: Sequence[float]) -> bool:
    """Whether there are two figures at least, and no more between them than rounding."""
    return len(values) > 1 and _same(values, values)


def _difference(
    kind: str, n: int, mean: float, error: float, freedom: float, means: np.ndarray
) -> Difference:
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = (float(bound) for bound in np.percentile(means, [tail, 100 - tail]))
    return Difference(
        kind,
        n,
        mean,
        error,
        Interval(mean - half, mean + half),
        Interval(low, high),
        2 * float(stdtr(freedom, -abs(mean) / error)),
    )


def _resampled_means(values: Sequence[float], generator: np.random.Generator) -> np.ndarray:
    sample = np.asarray(values, dtype=np.float64)
    places = generator.integers(0, len(sample), (RESAMPLES, len(sample)))
    means: np.ndarray = sample[places].mean(axis=1)  # (RESAMPLES,)
    return means


def _same(values: Sequence[float], figures: Sequence[float]) -> bool:
    """Whether values that were computed from figures differ by no more than the rounding of these."""
    return max(values) - min(values) <= EQUAL * max(map(abs, figures))


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)


def _deviation(values: Sequence[float]) -> float:
    mean = _mean(values)
    return sqrt(fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _or_one(value: float | None) -> float:
    return 1.0 if value is None else value


def _require_finite(values: Sequence[float]) -> None:
    if not all(map(isfinite, values)):
        raise ValueError("a figure is not finite")
