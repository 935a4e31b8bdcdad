"""Folders of sweeps, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

import dartsl
from dartsl.sweeping.folder import SweepFolder
from dartsl.sweeping.plan import read_plan
from tests.sweep.fakes import BETTER, faked


@pytest.fixture(scope="session")
def better(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """A finished sweep in which darts is better than random; nothing in it was searched or trained. Only to be read."""
    return faked(tmp_path_factory.mktemp("better"), BETTER)


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """As `better`, but its three searches have taken place: they are real run folders. Only to be read."""
    made = faked(tmp_path_factory.mktemp("searched"), BETTER)
    for job in read_plan(made.path).jobs:
        if job.kind == "search":
            _search(made.path, made.path / job.out, job.seed or 0)
    return made


def _search(sweep: Path, out: Path, seed: int) -> None:
    for file in out.iterdir():
        file.unlink()
    out.rmdir()
    data = str(sweep.parent / "images.npz")
    dartsl.search(sweep / "spec.darts", out=out, data=data, device="cpu", seed=seed, epochs=2, quiet=True)
