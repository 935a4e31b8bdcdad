"""How a sweep is ended from outside, and what of its folder must not depend on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

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
