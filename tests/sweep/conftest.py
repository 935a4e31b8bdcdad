"""Folders of sweeps, made once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import dartsl
from dartsl.sweeping.folder import SweepFolder
from tests.sweep.fakes import BETTER, faked
from tests.sweep.tiny import TWO_CELLS


@pytest.fixture(scope="session")
def better(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """A finished sweep in which darts is better than random; nothing in it was searched or trained. Only to be read."""
    return faked(tmp_path_factory.mktemp("better"), BETTER)


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """As `better`, of two cells, and its searches have run folders with four epochs. Only to be read.

    One search takes place; its alphas are replaced by those of `EPOCHS`, and all seeds have this same run.
    """
    made = faked(tmp_path_factory.mktemp("searched"), BETTER, spec=TWO_CELLS)
    data = str(made.path.parent / "images.npz")
    run = made.path.parent / "run"
    dartsl.search(made.path / "spec.darts", out=run, data=data, device="cpu", epochs=1, quiet=True)
    write_rows(run / "alphas.jsonl", [{"epoch": epoch, "alphas": alphas(epoch)} for epoch in EPOCHS])
    first = json.loads((run / "history.jsonl").read_text())
    write_rows(run / "history.jsonl", [first | {"epoch": epoch} for epoch in EPOCHS])
    (run / "found.darts").write_text(dartsl.derive(run), encoding="utf-8")
    for job in made.plan.jobs:
        if job.kind == "search":
            shutil.rmtree(made.path / job.out)
            shutil.copytree(run, made.path / job.out)
    return made


# Of each epoch the operation (0 or 1) that is preferred on both edges of cell `pair`, and of cell `other`.
EPOCHS = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (1, 0)}


def alphas(epoch: int) -> dict[str, list[list[float]]]:
    """Those of an epoch, by cell: a row an edge."""
    rows = [[[0.5, 0.0], [0.5, 0.0]], [[0.0, 0.5], [0.0, 0.5]]]
    return {cell: rows[preferred] for cell, preferred in zip(("pair", "other"), EPOCHS[epoch], strict=True)}


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
