"""A sweep's folder whose figures are given: real plans and architectures, and nothing trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import dartsl
from dartsl.api.sweeping import plan_sweep
from dartsl.run.files import write_json
from dartsl.sweeping.folder import SweepFolder
from dartsl.sweeping.picking import pick
from dartsl.sweeping.plan import Job
from dartsl.training.intervals import Range
from dartsl.training.measured import wilson
from dartsl.training.numbers import NumbersMeasured
from tests.sweep.tiny import TINY, tiny_space

IMAGES = 1000  # of the test set that is said to be
SECONDS = {"search": 30.0, "select": 10.0, "train": 50.0}
VERSIONS = {"dartsl": "0.2.0", "python": "3.12.1", "torch": "2.13.0"}

# Of each arm the wrong images of 1000, by seed; or its perplexities.
Figures = Mapping[str, Mapping[int, float]]
# seeds 0, 1, 2: darts is better by 20, 30, 40 images
BETTER: Figures = {
    "darts": {0: 100, 1: 110, 2: 90},
    "random": {0: 120, 1: 140, 2: 130},
    "random_at_cost": {0: 95},
}


def faked(
    folder: Path, figures: Figures, *, of: str = "classes", spec: str = TINY, **asked: Any
) -> SweepFolder:
    """A sweep of which each job is done whose figure is given, and all searches and selections.

    Of an arm whose selected architecture alone is trained the figure is that of seed 0. The tiny space lies in
    `folder`, the sweep in its `sweep`; `spec` is another space. Figures are `of` classes, text or numbers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, images = tiny_space(folder, spec)
    given = {"data": str(images), "device": "cpu", "seeds": 3, "random": 3, "random_at_cost": 4, "jobs": 1000}
    command = "dartsl sweep tiny.darts --seeds 3 --out sweep"
    made = SweepFolder.open(plan_sweep(file, folder / "sweep", command=command, **given | asked))
    for job in made.plan.jobs:
        if job.kind != "train":
            write(made, job)
        elif (job.seed or 0) in figures.get(job.arm, {}):
            trained(made, job, figures[job.arm][job.seed or 0], of)
    return made


@cache
def drawn(spec: str) -> list[str]:
    """Architectures of a space, drawn once: it takes a while."""
    return dartsl.sample(dartsl.Source("spec.darts", spec), count=12)


def write(made: SweepFolder, job: Job) -> None:
    """What a job leaves that is no final training; validation losses fall from seed to seed.

    All searches of an arm find the same, those of the next arm something else.
    """
    out = made.path / job.out
    arm = made.plan.arm(job.arm)
    seeds = made.plan.seeds(arm)
    if job.kind == "pick":
        pick(made, job)
        return
    out.mkdir(parents=True, exist_ok=True)
    if job.kind == "sample":
        for number, found in enumerate(drawn((made.path / "spec.darts").read_text())[: len(seeds)]):
            (out / f"{number}.darts").write_text(found)
        return
    assert job.seed is not None
    loss = 1 / (1 + job.seed)
    if job.kind == "search":
        (out / "history.jsonl").write_text(json.dumps({"epoch": 1, "validation_loss": loss}) + "\n")
        place = made.plan.arms.index(arm)
        (out / "found.darts").write_text(drawn((made.path / "spec.darts").read_text())[-1 - place])
        (out / "found.dot").touch()
        (out / "found.svg").touch()
    else:
        write_json(out / "result.json", {"validation": {"val_loss": loss}})
    made.note(job, 0, SECONDS[job.kind])


def trained(made: SweepFolder, job: Job, figure: float, of: str = "classes") -> None:
    """What a final training leaves: so many wrong images, a perplexity, or a mean squared error."""
    out = made.path / job.out
    out.mkdir(parents=True, exist_ok=True)
    test: dict[str, Any] = {
        "images": IMAGES,
        "loss": 0.5,
        "top1": vars(wilson(int(figure), IMAGES)),
        "top5": None,
    }
    span = {"value": figure, "low": figure - 1, "high": figure + 1}
    if of == "numbers":
        mae = Range(5.0, 4.0, 6.0)
        test = NumbersMeasured(
            20, "vectors", Range(**span), 1 - figure, mae, {"price": {"r2": None, "mae": 5.0}}
        ).record()
    if of == "text":
        test = {"tokens": 500, "windows": 5, "loss": span, "perplexity": span}
    write_json(out / "run.json", {"versions": VERSIONS})
    write_json(out / "result.json", {"parameters": 99, "validation": None, "test": test})
    made.note(job, 0, SECONDS["train"])
