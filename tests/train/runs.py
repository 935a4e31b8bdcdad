"""Trainings of the tiny spec, and what two of them have in common."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from dartsl.lang.checker import check
from dartsl.lang.settings.values import TrainConfig
from dartsl.lang.syntax.loader import read
from dartsl.run.job import Job
from dartsl.training import loop
from tests.search.runs import checkpoint_of, rows, same

STEPS = 3


def quiet() -> Console:
    return Console(file=io.StringIO(), width=120)


def settings(spec: Path, **changes: Any) -> TrainConfig:
    values = {
        **check(read(str(spec))).train,
        "data": str(spec.parent / "images.npz"),
        "device": "cpu",
        **changes,
    }
    return replace(TrainConfig(), **values)


def job(spec: Path, name: str, console: Console | None = None, **parameters: int) -> Job:
    """A spec that is run into a folder beside it."""
    found = check(read(str(spec)))
    return Job(found, None, parameters, out=spec.parent / name, command="typed", console=console or quiet())


def run(spec: Path, name: str, **changes: Any) -> loop.TrainResult:
    """A training of the tiny spec, into a folder beside it."""
    return loop.train(job(spec, name), settings(spec, **changes))


def same_runs(one: Path, other: Path) -> None:
    same(checkpoint_of(one), checkpoint_of(other))
    assert rows(one / "history.jsonl") == rows(other / "history.jsonl")
    assert json.loads((one / "result.json").read_text()) == json.loads((other / "result.json").read_text())
