"""Whole runs from Python: they end, and go on from where they were."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dartsl
from dartsl.run.folder import RunFolder
from dartsl.run.kinds import ALPHAS
from tests.gpu.registry import Machine, Piece, case


@case(share=0.03)
def runs(machine: Machine) -> Iterator[Piece]:
    """The digits for two epochs, whole and prolonged from one."""
    for order in machine.choose(("1", "2"), small=1):
        yield f"order {order}", partial(whole, machine, order)
    yield "resumed", partial(resumed, machine)


def _settings(machine: Machine) -> dict[str, Any]:
    return {"device": machine.device} | (
        {"batch": 256, "parameters": {"C": 2, "n": 1}} if machine.small else {}
    )


def whole(machine: Machine, order: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run = dartsl.search(
            "digits", Path(folder) / "whole", epochs=2, order=order, quiet=True, **_settings(machine)
        )
        seconds = time.perf_counter() - started
        assert run.finished
        assert len(RunFolder.open(run.path).rows(ALPHAS)) == 2
    return {"seconds": round(seconds, 2)}


def resumed(machine: Machine) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        half = dartsl.search("digits", Path(folder) / "half", epochs=1, quiet=True, **_settings(machine))
        again = dartsl.resume(half.path, epochs=2, quiet=True)
        assert not isinstance(again, list)
        assert again.finished
        return {"rows": len(RunFolder.open(half.path).rows(ALPHAS))}
