"""From the results of a sweep to what they show: tables, costs, and what may be said of them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dartsl.sweeping.evidence import Cost, Evidence, Picked, Row, Table, Time
from dartsl.sweeping.plan import RANDOM, SEARCH, Job, Recipe
from dartsl.sweeping.results import Architecture, ArmResults, Results
from dartsl.sweeping.statistics import (
    Difference,
    expected_best,
    holm,
    paired,
    relative_improvement,
    summary,
    welch,
)
from dartsl.sweeping.verdicts import notes, verdicts
from dartsl.sweeping.wording import share

KINDS = ("sample", "search", "select", "pick", "train", "lookup")  # of jobs, in the order in which they run


def weigh(results: Results, *, times: bool = True) -> Evidence:
    """What the results show; without `times` no seconds."""
    plan, protocol = results.plan, results.plan.protocol
    tables = _corrected([_table(results, recipe) for recipe in protocol.recipes])
    comparisons = sum(row.difference is not None for table in tables for row in table.rows)
    tables = [
        replace(table, verdicts=tuple(verdicts(table, results.measure, comparisons))) for table in tables
    ]
    return Evidence(
        source=plan.source,
        spec_sha256=plan.spec_sha256,
        finished=results.finished,
        measure=results.measure,
        protocol=protocol.sentences,
        comparisons=comparisons,
        tables=tuple(tables),
        costs=tuple(_cost(results, arm) for arm in results.arms),
        failed=results.failed,
        missing=results.missing,
        notes=tuple(notes(tables, results)),
        command=_without_folder(plan.command),
        dartsl=plan.dartsl,
        versions=results.versions,
        device=protocol.device,
        threads=protocol.threads,
        times=tuple(_time(results, arm) for arm in results.arms) if times else None,
    )


def _table(results: Results, recipe: Recipe) -> Table:
    chance = next((arm for arm in results.arms if arm.arm.kind == RANDOM), None)
    return Table(
        recipe.name,
        recipe.settings,
        tuple(_row(results, recipe, arm, chance) for arm in results.arms),
        _distinct(results.arms, recipe),
    )


def _distinct(arms: Sequence[ArmResults], recipe: Recipe) -> int:
    """Of the architectures that have figures, how many differ by more than the names of nodes."""
    return len(
        {
            each.form or (arm.arm.slug, each.seed)
            for arm in arms
            for each in arm.architectures
            if each.seed in arm.figures(recipe.name)
        }
    )


def _row(results: Results, recipe: Recipe, arm: ArmResults, chance: ArmResults | None) -> Row:
    found = arm.figures(recipe.name)
    figures = tuple(found.values())
    row = Row(
        arm.arm.name,
        arm.arm.slug,
        arm.arm.kind,
        sum(_measures(job, recipe) and job.arm == arm.arm.slug for job in results.plan.jobs),
        tuple(found),
        figures,
        _distinct([arm], recipe),
        summary(figures),
        _picked(arm.picked, recipe),
        min(figures, default=None),
    )  # fmt: skip
    if chance is None or arm.arm.kind != SEARCH:
        return row
    random = chance.figures(recipe.name)
    mean = summary(tuple(random.values())).mean
    known = row.summary.mean is not None and mean is not None
    return replace(
        row,
        expected_best=expected_best(tuple(random.values()), len(figures)),
        relative_improvement=relative_improvement(row.summary.mean, mean, share=share(results.measure))
        if row.summary.mean is not None and mean is not None
        else None,
        difference=_difference(results, arm, chance, recipe) if known else None,
    )


def _measures(job: Job, recipe: Recipe) -> bool:
    """Whether a job leaves a figure under a recipe: a training by it, or a lookup, which has all columns."""
    return job.kind == "lookup" or (job.kind == "train" and job.recipe == recipe.name)


def _difference(results: Results, arm: ArmResults, chance: ArmResults, recipe: Recipe) -> Difference:
    """Paired by seed where the plan has as many random architectures as seeds; else of two samples, which takes all.
    A table's figures share no seed of a training: they are two samples."""
    found, random = arm.figures(recipe.name), chance.figures(recipe.name)
    trained = results.plan.protocol.table is None
    if trained and results.plan.seeds(arm.arm) == results.plan.seeds(chance.arm):
        both = [seed for seed in found if seed in random]
        return paired([found[seed] for seed in both], [random[seed] for seed in both])
    return welch(tuple(found.values()), tuple(random.values()))


def _picked(found: Architecture | None, recipe: Recipe) -> Picked | None:
    if found is None:
        return None
    outcome = found.outcomes.get(recipe.name)
    if outcome is None:
        return Picked(found.seed, found.score, None, None, None)
    return Picked(found.seed, found.score, outcome.figure, outcome.low, outcome.high)


def _corrected(tables: Sequence[Table]) -> list[Table]:
    """The tables with the p values corrected for all comparisons in all of them."""
    compared = [row.difference for table in tables for row in table.rows if row.difference is not None]
    values = iter(holm([difference.p for difference in compared]))
    return [replace(table, rows=tuple(_with_p(table.rows, values))) for table in tables]


def _with_p(rows: Sequence[Row], values: Iterator[float | None]) -> Iterator[Row]:
    for row in rows:
        yield row if row.difference is None else replace(row, corrected_p=next(values))


def _cost(results: Results, arm: ArmResults) -> Cost:
    trained = [each for each in arm.architectures if each.outcomes]
    jobs = [job for job in results.plan.jobs if job.arm == arm.arm.slug]
    return Cost(
        arm.arm.name,
        arm.arm.slug,
        summary([float(next(iter(each.outcomes.values())).parameters) for each in trained]),
        summary([float(each.multiply_adds) for each in trained if each.multiply_adds is not None]),
        {kind: cost for kind in KINDS if (cost := sum(job.cost for job in jobs if job.kind == kind))},
    )


def _time(results: Results, arm: ArmResults) -> Time:
    known = [
        (job.kind, results.seconds[job.name])
        for job in results.plan.jobs
        if job.arm == arm.arm.slug and job.name in results.seconds
    ]
    by_kind = {kind: [seconds for each, seconds in known if each == kind] for kind in KINDS}
    return Time(
        arm.arm.name,
        arm.arm.slug,
        {kind: round(sum(seconds), 3) for kind, seconds in by_kind.items() if seconds},
    )


def _without_folder(command: str) -> str:
    """A command without its `--out`: the folder's name plays no part in what is computed."""
    try:
        words = shlex.split(command)
    except ValueError:  # what Python's functions are recorded as need not be a line for a shell
        return command
    kept: list[str] = []
    for place, word in enumerate(words):
        if (
            word in ("--out", "-o")
            or word.startswith("--out=")
            or (place and words[place - 1] in ("--out", "-o"))
        ):
            continue
        kept.append(word)
    return command if len(kept) == len(words) else shlex.join(kept)
