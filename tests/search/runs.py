"""Searches of the tiny spec, and what two of them have in common."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from dartsl.lang.checker import check
from dartsl.lang.settings.values import SearchConfig
from dartsl.lang.syntax.loader import read
from dartsl.run.job import Job
from dartsl.searching import loop

STEPS = 3  # an epoch: 12 images train weights, in batches of 5


def quiet() -> Console:
    return Console(file=io.StringIO(), width=120)


def settings(spec: Path, **changes: Any) -> SearchConfig:
    values = {
        **check(read(str(spec))).search,
        "data": str(spec.parent / "images.npz"),
        "device": "cpu",
        **changes,
    }
    # `replace`, so that a test can go beyond what the command line lets through.
    return replace(SearchConfig(), **values)


def job(spec: Path, name: str, console: Console | None = None) -> Job:
    """A spec that is run into a folder beside it."""
    return Job(check(read(str(spec))), out=spec.parent / name, command="typed", console=console or quiet())


def run(spec: Path, name: str, **changes: Any) -> loop.SearchResult:
    """A search of the tiny spec, into a folder beside it."""
    return loop.search(job(spec, name), settings(spec, **changes))


def rows(path: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in found]


def same(one: Any, other: Any, where: str = "") -> None:
    """Two checkpoints are equal bit for bit, but for their times."""
    assert type(one) is type(other), where
    if isinstance(one, Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            if key != "seconds":
                same(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            same(a, b, f"{where}/{i}")
    else:
        assert one == other, where


def checkpoint_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(path / "checkpoint.pt", weights_only=True)
    return found


def same_runs(one: Path, other: Path) -> None:
    same(checkpoint_of(one), checkpoint_of(other))
    assert rows(one / "history.jsonl") == rows(other / "history.jsonl")
    assert (one / "alphas.jsonl").read_bytes() == (other / "alphas.jsonl").read_bytes()
    assert (one / "found.darts").read_bytes() == (other / "found.darts").read_bytes()
