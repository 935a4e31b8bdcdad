"""What the optimising compiler gains on the DARTS space, against the bounds that it was built to.

    python -m tests.benchmarks.optimiser --threads 2 --out rows.json

Times are measured by `dartsl bench`'s own code, all levels in turns in one process. With `--estimates` the
memory that `dartsl info` tells of a search step is set beside the peak of a process that takes two.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
import torch

from dartsl.lang.checker import check
from dartsl.lang.syntax.loader import read
from dartsl.run.job import Job
from dartsl.searching.bench import CASES, LEVELS, ORDERS, Row, Trial, bench, peak_of
from dartsl.searching.memory import estimate_step

# Case -> how many times faster -O2 has to be than -O0 at batch 16; of the first case memory and operations too.
FASTER = {"forward_backward": 3.0, "first": 4.0, "second": 3.3}
PEAK = 0.65
OPERATIONS = 0.27


def judged(rows: list[Row]) -> list[str]:
    """A line for each bound, with what was measured."""
    found = {(row.case, row.level): row for row in rows}
    lines = []
    for case, bound in FASTER.items():
        if (case, "O2") in found:
            ratio = found[case, "O2"].faster
            lines.append(f"{case}: {ratio:.2f} times faster, at least {bound} wanted")
    if ("forward_backward", "O0") in found:
        plain, passed = found["forward_backward", "O0"], found["forward_backward", "O2"]
        if plain.peak_bytes and passed.peak_bytes:
            lines.append(f"peak memory: {passed.peak_bytes / plain.peak_bytes:.2f}, at most {PEAK} wanted")
    if ("first", "O0") in found:
        part = found["first", "O2"].ops / found["first", "O0"].ops
        lines.append(f"operations of a first-order step: {part:.2f}, at most {OPERATIONS} wanted")
    if {("exact", "O2"), ("second", "O0")} <= found.keys():
        part = found["exact", "O2"].median_s / found["second", "O0"].median_s
        lines.append(f"an exact step at -O2: {part:.2f} of a second-order one at -O0, below 0.5 aimed at")
    return lines


def estimates(trial: Trial) -> list[str]:
    """The estimate beside the measured peak: search steps at each level. (-O0 first order in bench takes more.)"""
    planned = trial.job.plan()
    lines = []
    for case, order in ORDERS.items():
        for level, build in LEVELS.items():
            if (case, level) == ("first", "O0"):
                continue
            estimated = estimate_step(planned, trial.batch, order, build)
            measured = peak_of(trial, case, level)
            if measured is not None:
                lines.append(
                    f"{case} {level}: {estimated / 1e6:.0f} MB estimated, {measured / 1e6:.0f} MB measured"
                )
    return lines


@click.command()
@click.option("--spec", default="darts_cnn", show_default=True)
@click.option("--batch", default=16, show_default=True)
@click.option("--repeats", default=3, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--case", "cases", multiple=True, type=click.Choice(CASES))
@click.option("--estimates", "compare", is_flag=True, help="Compare memory estimated and measured; no times.")
@click.option("--out", type=click.Path(path_type=Path), help="Where to write the rows, as JSON.")
def main(
    spec: str, batch: int, repeats: int, threads: int, cases: tuple[str, ...], compare: bool, out: Path | None
) -> None:
    torch.set_num_threads(threads)
    trial = Trial(Job(check(read(spec))), batch)
    if compare:
        click.echo("\n".join(estimates(trial)))
        return
    rows = bench(trial, cases or CASES, repeats=repeats, say=lambda text: click.echo(text, err=True))
    if out is not None:
        out.write_text(json.dumps([asdict(row) for row in rows], indent=2))
    click.echo("\n".join(judged(rows)))


if __name__ == "__main__":
    main()
