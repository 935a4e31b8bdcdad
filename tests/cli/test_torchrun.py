"""Searches and trainings that torchrun starts in two processes, as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dartsl as package

from .conftest import Dartsl

ROOT = Path(package.__file__).parents[1]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "dartsl"]
FRAIL = """
import os
from pathlib import Path
from torch import nn

class Frail(nn.Module):
    passes = 0

    def forward(self, x):
        Frail.passes += self.training
        if os.environ.get("RANK") == "1" and Frail.passes == 12 and Path(__file__).with_name("die").exists():
            os._exit(7)
        return 0.5 * x

def half(in_channels, out_channels, stride, affine):
    return Frail()
"""


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *TORCHRUN, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
@pytest.mark.usefixtures("dartsl")
def test_a_process_that_dies_ends_the_run_and_it_goes_on(dartsl: Dartsl, good: Path, tmp_path: Path) -> None:
    text = good.read_text().replace("cell pair", "extern op half\n\ncell pair")
    good.write_text(text.replace("skip_connect\n  edge   p", "skip_connect | half\n  edge   p"))
    (tmp_path / "frail.py").write_text(FRAIL)
    (tmp_path / "die").touch()
    died = torchrun("search", "good.darts", "--out", "run", "--plugin", "frail.py", "--epochs", "3")
    assert died.returncode == 1
    assert "has lost the others" in died.stderr
    assert "--resume" in died.stderr
    assert 'File "' not in died.stderr.split("lost the others")[0]
    assert not (tmp_path / "run" / "found.darts").exists()
    (tmp_path / "die").unlink()
    went_on = torchrun("search", "--resume", "run")
    assert went_on.returncode == 0, went_on.stderr
    assert went_on.stdout.count("epoch 3/3") == 1
    assert json.loads((tmp_path / "run" / "run.json").read_text())["versions"]["processes"] == "2"
    rows = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert [json.loads(row)["epoch"] for row in rows] == [1, 2, 3]
    again = dartsl("search", "--resume", "run")  # alone, and there is nothing left to do
    assert "processes was 2, is 1" in again.stdout


@pytest.mark.usefixtures("dartsl")
def test_a_mistake_is_reported_once(good: Path, tmp_path: Path) -> None:
    for arguments, words in (
        (["search", "good.darts", "--data", "missing.npz"], "missing.npz"),
        (["check", "good.darts"], "`dartsl check` runs in one process"),
    ):
        refused = torchrun(*arguments)
        assert refused.returncode == 1
        assert refused.stderr.count("error: ") == 1, refused.stderr
        assert words in refused.stderr
        assert "Traceback" not in refused.stderr.split("ChildFailedError")[0].split("torch/distributed")[0]
    assert not (tmp_path / "runs").exists()


def test_what_shares_no_work_is_refused(dartsl: Dartsl, good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment of torchrun's first process, and of the second one, which says nothing."""
    names = {"WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        for command in (["bench", "good.darts"], ["search", "good.darts", "--check-gradients"]):
            refused = dartsl(*command)
            assert refused.exit_code == 1
            assert ("runs in one process" in refused.stderr) == (rank == "0")
            assert bool(refused.stderr) == (rank == "0")
        wrong = dartsl("search", "good.darts", "--no-such-option")
        assert wrong.exit_code == 2
        assert ("No such option" in wrong.stderr) == (rank == "0")
