"""A study from Python that torchrun starts in two processes: the first one's callbacks decide for both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dartsl
from tests.python.conftest import COMMON

STUDY = """
import json, os, sys
import dartsl

rank = int(os.environ["RANK"])
common = {"quiet": True, **json.loads(sys.argv[1])}
called, left = [], {}


def look(step):
    called.append((step.epoch, step.step, step.figures["loss"] > 0))
    return step.step == (2 if rank == 0 else 1)


def fail(epoch):
    called.append(epoch.epoch)
    raise LookupError("mine")


run = dartsl.search("small.darts", "run", data="images.npz", on_step=look, **common)
left["finished"] = [run.finished]
left["finished"].append(dartsl.resume(run, quiet=True).finished)
try:
    dartsl.train(run, "trained", on_epoch=fail if rank == 0 else None, **common)
except Exception as error:
    left["raised"] = [type(error).__name__, str(error)]
again = dartsl.resume("trained", quiet=True, on_epoch=lambda epoch: epoch.epoch == 2)
left["finished"].append(again.finished)
left["called"], left["found"] = called, run.found
open(f"left{rank}.json", "w").write(json.dumps(left))
"""
SETTINGS: dict[str, Any] = {**COMMON, "batch": 4, "epochs": 2}


@pytest.mark.slow
@pytest.mark.usefixtures("work")
def test_the_first_process_decides_when_all_stop() -> None:
    Path("study.py").write_text(STUDY)
    environment = {**os.environ, "PYTHONPATH": str(Path(dartsl.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    given = [*torchrun, "study.py", json.dumps(SETTINGS)]
    done = subprocess.run(given, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(Path(f"left{rank}.json").read_text()) for rank in range(2))
    assert first["called"] == [[1, 1, True], [1, 2, True], 1]
    assert second["called"] == []
    assert first["finished"] == second["finished"] == [False, True, True]
    assert first["found"] == second["found"] is not None
    assert first["raised"] == ["LookupError", "mine"]
    assert second["raised"] == ["UserError", "a callback of process 0 raised LookupError: mine"]
