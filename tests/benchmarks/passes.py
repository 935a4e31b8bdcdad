"""What a step of each method costs, beside one of darts: times of whole search steps, in rounds that alternate.

    python -m tests.benchmarks.passes --rounds 7
    python -m tests.benchmarks.passes --spec darts_cnn --set C=8 --batch 16 --methods gdas,pc_darts

Each method's supernet is compiled once, in one process; in each round every one takes a step, and what is shown is
the median over the rounds of its CPU time divided by that of darts in the same round, by one thread. `allowed` is 1.3
times the ratio of passes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

import click
import torch

from dartsl import check
from dartsl.api.jobs import job_of, search_config
from dartsl.cli.options import parse_assignments
from dartsl.lang.settings.presets import PRESETS
from dartsl.nn.build import Build
from dartsl.nn.supernet import from_plan
from dartsl.run.job import Job
from dartsl.searching.method import Constant, Method
from dartsl.searching.step import SearchStep
from dartsl.searching.terms import Moment
from dartsl.step.batches import random_batches

DARTS = "darts"
ALLOWED = 1.3


def step_of(job: Job, name: str, batch: int) -> Callable[[int], None]:
    """What takes a step of a method, in the middle of a run, on random batches."""
    config = search_config(job.spec, {"method": name, "order": "1", "device": "cpu"})
    model = from_plan(job.spec, job.plan(config.partial), Build.of(config))
    step = SearchStep.of(model, Method.of(config, Constant(config.lr)), config)
    step.finite.at_once = False
    like = next(model.parameters())
    train, validation = random_batches(model.plan, batch, like, torch.Generator().manual_seed(0))
    middle = Moment(config.epochs // 2, config.epochs)

    def take(number: int) -> None:
        step.take(train, validation, number, middle)

    return take


def measure(steps: Mapping[str, Callable[[int], None]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each method's step in each round, after two that warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 2):
        for name, take in steps.items():
            begun = time.process_time()
            take(number)
            if number > 1:
                seconds[name].append(time.process_time() - begun)
    return seconds


def table(seconds: Mapping[str, list[float]]) -> str:
    """The table in Markdown."""
    lines = ["| method | passes per step | expected | measured | allowed |", "|---|---|---|---|---|"]
    for name, own in seconds.items():
        expected = PRESETS[name].passes / PRESETS[DARTS].passes
        ratio = median(one / darts for one, darts in zip(own, seconds[DARTS], strict=True))
        lines.append(
            f"| {name} | {PRESETS[name].passes} | {expected:g} | {ratio:.2f} | {ALLOWED * expected:.2f} |"
        )
    return "\n".join([*lines, "", f"a step of darts: {median(seconds[DARTS]):.3f} s"])


@click.command(help=__doc__)
@click.option("--spec", default="digits", show_default=True)
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE")
@click.option("--batch", default=64, show_default=True)
@click.option("--methods", default=",".join(PRESETS), show_default=True)
@click.option("--rounds", default=7, show_default=True)
def main(spec: str, assignments: tuple[str, ...], batch: int, methods: str, rounds: int) -> None:
    torch.set_num_threads(1)
    job = job_of(check(spec), None, parse_assignments(assignments))
    names = dict.fromkeys([DARTS, *methods.split(",")])
    print(table(measure({name: step_of(job, name, batch) for name in names}, rounds)))


if __name__ == "__main__":
    main()
