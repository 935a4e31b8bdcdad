"""The report of a sweep as Markdown: what `Evidence` says, in the words and tables of a README."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dartsl.sweeping.design import plural
from dartsl.sweeping.evidence import Cost, Evidence, Table, Time
from dartsl.sweeping.wording import (
    NONE,
    arm_name,
    clock,
    difference,
    figure,
    interval,
    large,
    probability,
    spread,
)

LONGEST = 30  # jobs that are named of those which are not done


def markdown(found: Evidence) -> str:
    """The whole report; it ends with a newline."""
    lines = [f"# {escaped(found.source)}: what a search finds, compared with chance", ""]
    if not found.finished:
        lines += [
            "**This sweep is not finished**: "
            f"jobs that have failed: {len(found.failed):,}, others that are not done: {len(found.missing):,}.",
            "",
        ]
    lines += ["## What it shows", ""]
    for table in found.tables:
        lines += [*_recipe(table), *(f"* {escaped(sentence)}" for sentence in table.verdicts), ""]
    lines += [
        "## Protocol",
        "",
        *(f"* {escaped(sentence)}" for sentence in found.protocol),
        "",
        "## Results",
        "",
    ]
    for table in found.tables:
        lines += [*_recipe(table), *_figures(table, found.measure), "", *_differences(table, found.measure)]
    lines += [f"* {escaped(note)}" for note in found.notes]
    lines += ["", "## Cost", "", *_costs(found.costs), ""]
    if found.times is not None:
        lines += ["## Time", "", *_times(found.times, found.device), ""]
    lines += [*_jobs("Failed jobs", [f"{name} (exit code {code})" for name, code in found.failed.items()])]
    lines += [*_jobs("Jobs that are not done", found.missing), *_reproduce(found)]
    return "\n".join(lines) + "\n"


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table; the first column is left-aligned, the others right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *([escaped(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def escaped(text: str) -> str:
    """A text in which nothing is markup: it may come from a folder that somebody has sent."""
    return re.sub(r"[\\`*\[\]<>|#]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", " ".join(text.split()))


def _recipe(table: Table) -> list[str]:
    if not table.recipe:
        return []
    settings = ", ".join(f"{name} {value}" for name, value in table.settings.items())
    return [f"### Recipe {escaped(table.recipe)} ({escaped(settings)})", ""]


def _figures(table: Table, measure: str) -> list[str]:
    head = [
        "arm",
        "trained",
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
            spread(row.summary.mean, row.summary.standard_error, measure),
            NONE if row.picked is None else f"seed {row.picked.seed}",
            NONE if row.picked is None else figure(row.picked.figure, measure),
            NONE if row.best is None else f"{figure(row.best, measure)} of {len(row.figures)}",
            NONE if row.expected_best is None else f"{figure(row.expected_best, measure)} of {len(row.figures)}",
        ]
        for row in table.rows
    ]  # fmt: skip
    return grid(head, rows)


def _differences(table: Table, measure: str) -> list[str]:
    compared = [(row, row.difference) for row in table.rows if row.difference is not None]
    if not compared:
        return []
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
    return [*grid(head, rows), ""]


def _costs(costs: Sequence[Cost]) -> Iterator[str]:
    yield "Mean parameters and multiply-adds of the trained networks. Of all jobs of an arm by their kind: the"
    yield "multiply-adds for each image (or word) of the training data, as the plan has estimated them."
    yield ""
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
    yield from grid(head, rows)


def _times(times: Sequence[Time], device: str) -> Iterator[str]:
    yield f"Of all jobs of an arm together, tries that were stopped included, on the device `{device}`."
    yield ""
    head = ["arm", "searches", "selection", "trainings", "all"]
    rows = []
    for time in times:
        parts = [time.seconds.get(kind) for kind in ("search", "select", "train")]
        parts.append(sum(time.seconds.values()) if time.seconds else None)
        rows.append([arm_name(time.arm), *(NONE if part is None else clock(part) for part in parts)])
    yield from grid(head, rows)


def _jobs(title: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = [f"* and {len(names) - LONGEST:,} more"] if len(names) > LONGEST else []
    return [f"## {title}", "", *(f"* {escaped(name)}" for name in names[:LONGEST]), *more, ""]


def _reproduce(found: Evidence) -> Iterator[str]:
    yield from ("## To reproduce it", "", "```sh", *found.command.replace("```", "").splitlines(), "```", "")
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    yield f"* spec {escaped(found.source)}, SHA-256 {found.spec_sha256}"
    yield f"* planned by dartsl {escaped(found.dartsl)}; the runs: {escaped(versions) or 'none'}"
    yield f"* device {escaped(found.device)}, {plural(found.threads, 'thread')} for each job"
