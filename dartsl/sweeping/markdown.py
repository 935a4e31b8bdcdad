"""The report of a sweep as Markdown: what `Evidence` says, in the words and tables of a README."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dartsl.sweeping.design import plural
from dartsl.sweeping.evidence import Cost, Evidence, Table, Time
from dartsl.sweeping.tables import cost_table, difference_table, figure_table, time_table
from dartsl.sweeping.wording import recipe_title

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
        lines += [
            *_recipe(table),
            *grid(*figure_table(table, found.measure)),
            "",
            *_differences(table, found.measure),
        ]
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
    return [f"### {escaped(recipe_title(table))}", ""] if table.recipe else []


def _differences(table: Table, measure: str) -> list[str]:
    head, rows = difference_table(table, measure)
    return [*grid(head, rows), ""] if rows else []


def _costs(costs: Sequence[Cost]) -> Iterator[str]:
    yield "Mean parameters and multiply-adds of the networks. Of all jobs of an arm by their kind: the"
    yield "multiply-adds for each image (or word) of the training data, as the plan has estimated them."
    yield ""
    yield from grid(*cost_table(costs))


def _times(times: Sequence[Time], device: str) -> Iterator[str]:
    yield f"Of all jobs of an arm together, tries that were stopped included, on the device `{device}`."
    yield ""
    yield from grid(*time_table(times))


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
