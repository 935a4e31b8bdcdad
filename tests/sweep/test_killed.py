"""A sweep of real processes: whatever ends it, its jobs end with it, and resumed it comes to the same bytes."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.sweep.killing import DARTSL, children, end, outputs, until
from tests.sweep.tiny import tiny_space

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the children of a process are read from /proc"),
]


def at_work(process: subprocess.Popen[bytes], file: Path) -> bool:
    """Whether a file is there, and the sweep has jobs that run."""
    assert process.poll() is None
    return file.exists() and bool(children(process.pid))


def planned(images: Path, out: Path) -> list[str]:
    """The command of the sweep."""
    named = ["--data", str(images), "--out", str(out)]
    counts = ["--seeds", "1", "--random", "1", "--random-at-cost", "0", "--jobs", "2"]
    return [*DARTSL, "sweep", str(images.with_name("tiny.darts")), *counts, *named]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_space(tmp_path_factory.mktemp("space"))[1]


@pytest.fixture(scope="module")
def whole(images: Path) -> Path:
    """The folder of a sweep that nothing has stopped."""
    done = subprocess.run(planned(images, images.parent / "sweep"), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8/8" in done.stdout
    return images.parent / "sweep"


# How a sweep is ended, and once which file is there: `sweep` is killed alone, `all` with its jobs.
MOMENTS = [
    ("sweep", "search/darts/0/run.json"),
    ("all", "select/darts/0/checkpoint.pt"),
    ("SIGINT", "train/darts/0/run.json"),
]


def test_a_sweep_that_was_ended_in_every_way_comes_to_the_same(
    images: Path, whole: Path, tmp_path: Path
) -> None:
    """Its end is left to the lines that it prints, which go on with what was begun, too."""
    sweep = tmp_path / "sweep"
    command, resume = planned(images, sweep), [*DARTSL, "sweep", "--resume", str(sweep), "--jobs", "2"]
    for how, file in MOMENTS:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            until(partial(at_work, process, sweep / file))
            code = end(process, how)
        assert code == (130 if how == "SIGINT" else -signal.SIGKILL)
        command = resume
    printed = subprocess.run([*resume, "--print-commands"], capture_output=True, text=True, check=True)
    script = f'dartsl() {{ "{sys.executable}" -m dartsl "$@"; }}\n{printed.stdout}'
    done = subprocess.run(["bash", "-e"], input=script, cwd=sweep, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert outputs(sweep) == outputs(whole)
