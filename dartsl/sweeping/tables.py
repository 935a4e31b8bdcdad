"""The tables of a report: the head and the rows of each, in the words of `wording`."""

from __future__ import annotations

from collections.abc import Sequence

from dartsl.sweeping.evidence import Cost, Table, Time
from dartsl.sweeping.wording import (
    NONE,
    arm_name,
    clock,
    difference,
    figure,
    interval,
    large,
    measured,
    probability,
    spread,
)

Grid = tuple[list[str], list[list[str]]]


def figure_table(table: Table, measure: str) -> Grid:
    """The figures of each arm, what is selected, and the best."""
    head = [
        "arm",
        measured(measure),
        "different",
        f"mean {measure} ± standard error",
        "selected",
        "its " + measure,
        "best",
        "expected best of random",
    ]
    rows = [
        [
            arm_name(row.arm),
            f"{len(row.figures)} of {row.planned}",
            str(row.distinct),
            spread(row.summary.mean, row.summary.standard_error, measure),
            NONE if row.picked is None else f"seed {row.picked.seed}",
            NONE if row.picked is None else figure(row.picked.figure, measure),
            NONE if row.best is None else f"{figure(row.best, measure)} of {len(row.figures)}",
            NONE if row.expected_best is None else f"{figure(row.expected_best, measure)} of {len(row.figures)}",
        ]
        for row in table.rows
    ]  # fmt: skip
    return head, rows


def difference_table(table: Table, measure: str) -> Grid:
    """The differences to random; no rows where nothing is compared."""
    compared = [(row, row.difference) for row in table.rows if row.difference is not None]
    head = [
        "arm",
        "n",
        "difference",
        "95 % (t)",
        "95 % (bootstrap)",
        "p",
        "p, corrected",
        "relative improvement",
    ]
    rows = [
        [
            row.arm,
            str(found.n),
            difference(found.mean, measure),
            interval(found.interval, measure),
            interval(found.bootstrap, measure),
            probability(found.p),
            probability(row.corrected_p),
            NONE if row.relative_improvement is None else f"{row.relative_improvement:+.2f} %",
        ]
        for row, found in compared
    ]  # fmt: skip
    return head, rows


def cost_table(costs: Sequence[Cost]) -> Grid:
    """What the networks and the jobs of each arm cost."""
    head = ["arm", "parameters", "multiply-adds", "searches", "selection", "trainings"]
    rows = [
        [
            arm_name(cost.arm),
            large(cost.parameters.mean),
            large(cost.multiply_adds.mean),
            *(large(cost.jobs.get(kind)) for kind in ("search", "select", "train")),
        ]
        for cost in costs
    ]
    return head, rows


def time_table(times: Sequence[Time]) -> Grid:
    """The time of each arm's jobs by kind, and of all."""
    head = ["arm", "searches", "selection", "trainings", "all"]
    rows: list[list[str]] = []
    for time in times:
        parts = [time.seconds.get(kind) for kind in ("search", "select", "train")]
        parts.append(sum(time.seconds.values()) if time.seconds else None)
        rows.append([arm_name(time.arm), *(NONE if part is None else clock(part) for part in parts)])
    return head, rows
