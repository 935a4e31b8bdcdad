"""A sweep of real processes: whatever ends it, its jobs end with it, and resumed it comes to the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.sweep.tiny import tiny_space

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the children of a process are read from /proc"),
]
DARTSL = [sys.executable, "-m", "dartsl"]
PATIENCE = 120.0  # seconds until a test gives up


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def lives(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(holds: Callable[[], bool]) -> None:
    """Look until something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def outputs(sweep: Path) -> dict[str, bytes]:
    """What the jobs have left that does not depend on time."""
    found = {}
    for path in sorted(sweep.rglob("*")):
        name = path.relative_to(sweep).as_posix()
        if path.name in (
            "found.darts",
            "found.dot",
            "found.svg",
            "alphas.jsonl",
            "result.json",
        ) or name.startswith(("random/", "picked/")):
            found[name] = path.read_bytes()
        if path.name == "history.jsonl":
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            found[name] = json.dumps([{**row, "seconds": None} for row in rows]).encode()
    return found


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


def end(process: subprocess.Popen[bytes], how: str) -> int:
    """End a sweep: its exit code. Its jobs are gone afterwards."""
    jobs = children(process.pid)
    if how in ("sweep", "all"):
        process.kill()
        for pid in jobs if how == "all" else ():
            os.kill(pid, signal.SIGKILL)
    else:
        process.send_signal(getattr(signal, how))
    code = process.wait(PATIENCE)
    until(lambda: not any(map(lives, jobs)))
    return code


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
