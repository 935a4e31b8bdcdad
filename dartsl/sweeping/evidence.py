"""What the results of a sweep show: its tables in numbers, and what these allow to be said.

`as_json` gives all of it. What took seconds is in `times` alone: a report without it has the same bytes however often
the sweep was stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dartsl.sweeping.statistics import Difference, Summary

FORMAT = 1


@dataclass(frozen=True)
class Picked:
    """What an arm's selection has taken: its seed and score, and what its final training has come to, if it is done,
    with the 95 % interval of this one figure over the test set."""

    seed: int
    score: float | None
    figure: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Row:
    """An arm under a recipe. Figures are test errors, parts of one, perplexities or squared errors: lower is better.

    planned               final trainings
    seeds, figures        of those that are done
    distinct              architectures among these, counted once where they differ by the names of nodes alone
    best                  the lowest figure: chosen by the test set, so that it is too good
    expected_best         the expected lowest of as many different random architectures; None where there are less
    relative_improvement  over the mean of random, in percent
    difference            to random: the mean of this arm less that of random
    corrected_p           its p value, corrected for all comparisons of the sweep (Holm)
    """

    arm: str
    slug: str
    kind: str
    planned: int
    seeds: tuple[int, ...]
    figures: tuple[float, ...]
    distinct: int
    summary: Summary
    picked: Picked | None
    best: float | None
    expected_best: float | None = None
    relative_improvement: float | None = None
    difference: Difference | None = None
    corrected_p: float | None = None


@dataclass(frozen=True)
class Table:
    """All arms under a recipe, and in words what may be said of them. `distinct` is that of all rows together."""

    recipe: str
    settings: Mapping[str, str]
    rows: tuple[Row, ...]
    distinct: int
    verdicts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cost:
    """What an arm costs: of its networks, and of its jobs by kind in multiply-adds for each image (or word) of the
    training data, as the plan has estimated them."""

    arm: str
    slug: str
    parameters: Summary
    multiply_adds: Summary
    jobs: Mapping[str, float]


@dataclass(frozen=True)
class Time:
    """The seconds of an arm's jobs by kind, all tries together, as far as they are known."""

    arm: str
    slug: str
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Evidence:
    """All that a report says in words and numbers.

    measure      `test error`, `test perplexity` or `test mean squared error`
    comparisons  how many differences to random there are in all tables
    command      what made the sweep, without the name of its folder
    times        None where they are left out
    """

    source: str
    spec_sha256: str
    finished: bool
    measure: str
    protocol: tuple[str, ...]
    comparisons: int
    tables: tuple[Table, ...]
    costs: tuple[Cost, ...]
    failed: Mapping[str, int]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    command: str
    dartsl: str
    versions: Mapping[str, str]
    device: str
    threads: int
    times: tuple[Time, ...] | None
    format: int = FORMAT


def as_json(found: Evidence) -> dict[str, Any]:
    """The evidence as JSON: `format` first, then its fields by their names."""
    return {"format": found.format, **asdict(found)}
