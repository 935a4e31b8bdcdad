"""Two processes that run jobs together, as torchrun would start them; `main` is what each of them does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dartsl.api.jobs import search_config
from dartsl.lang.checker import check
from dartsl.lang.settings.stages import Stages
from dartsl.lang.settings.values import train_config
from dartsl.lang.syntax.loader import read
from dartsl.run import parallel
from dartsl.run.job import Job
from dartsl.run.loop import run_session
from dartsl.run.torchrun import Place
from dartsl.searching import loop as searching
from dartsl.training import loop as training
from tests.search.runs import quiet

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Work:
    """A search or a training of a spec into a folder beside it; `resume`: go on with the one that lies there."""

    kind: str
    spec: str
    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    resume: bool = False

    @property
    def out(self) -> Path:
        return Path(self.spec).parent / self.name

    def run(self) -> None:
        module: Any = searching if self.kind == "search" else training
        if self.resume:
            module.resume(self.out, console=quiet())
            return
        known = check(read(self.spec))
        given = {
            name: Stages.of(value) if name == "stages" else value for name, value in self.settings.items()
        }
        if self.kind == "search":
            config: Any = replace(search_config(known, {}), **given)
        else:
            takes = next(iter(known.networks.values())).takes
            config = replace(train_config(takes, known.train), **given)
        start = searching.search if self.kind == "search" else training.train
        start(Job(known, out=self.out, command="typed", console=quiet()), config)


def together(jobs: Sequence[Work], folder: Path) -> None:
    """Run jobs in two processes, which meet in files of the folder; they must end well."""
    for old in folder.glob("meeting*"):
        old.unlink()
    records = folder / "jobs.json"
    records.write_text(json.dumps([vars(job) for job in jobs]))
    command = [sys.executable, "-W", "error", "-m", "tests.run.pair", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen([*command, str(rank)], env=environment, stderr=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    assert said == ["", ""]


def main(folder: Path, rank: int) -> None:
    """Do the jobs of a folder as one of two processes, and leave the model of each, as this one has it."""

    def run_and_save(session: Any, run: Any, *arguments: Any, **more: Any) -> Any:
        done = run_session(session, run, *arguments, **more)
        torch.save(session.model.state_dict(), f"{run.path}.{rank}.pt")
        return done

    patch = pytest.MonkeyPatch()
    patch.setattr(searching, "run_session", run_and_save)
    patch.setattr(training, "run_session", run_and_save)
    patch.setattr(searching, "render", lambda _dot, _kind: b"<svg/>")
    for number, record in enumerate(json.loads((folder / "jobs.json").read_text())):
        here = Place(rank, 2, rank, 2, f"file://{folder}/meeting{number}")
        patch.setattr(parallel, "place", lambda here=here: here)
        Work(**record).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
