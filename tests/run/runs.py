"""Runs of a search and of a training, made once a module, for tests that damage a copy; and what lies in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dartsl.searching import loop as searching
from dartsl.training import loop as training
from tests.search.conftest import PARTS, TINY
from tests.search.runs import run
from tests.train.conftest import TINY as DECIDED
from tests.train.runs import job, settings


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs `search` and `train`, of two epochs each."""
    import numpy as np

    folder = tmp_path_factory.mktemp("made")
    (folder / "parts.darts").write_text(PARTS)
    (folder / "tiny.darts").write_text(TINY)
    (folder / "decided.darts").write_text(DECIDED.replace("linear(7)", "linear(3)"))
    draws = np.random.default_rng(0)
    images, labels = draws.integers(0, 256, (28, 8, 8), dtype=np.uint8), np.arange(28) % 3
    np.savez(folder / "images.npz", x_train=images, y_train=labels, x_test=images[:6], y_test=labels[:6])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "render", lambda _dot, _kind: b"<svg/>")
        run(folder / "tiny.darts", "search")
    config = settings(folder / "decided.darts", ema=0.9)
    training.train(job(folder / "decided.darts", "train"), config)
    return folder


@pytest.fixture
def path(made: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of one of them, by the test's parameter `kind`."""
    return Path(shutil.copytree(made / request.getfixturevalue("kind"), tmp_path / "run"))


def snapshot(path: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file() and file.name != ".lock"}
