"""The parts of `python -m tests.gpu`. Each gives a record, and raises AssertionError where something is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import torch

import dartsl
from dartsl.run.folder import RunFolder
from dartsl.run.kinds import ALPHAS
from dartsl.step.verified import EVERY
from tests.gpu.cases import LEVELS, ORDERS, SPACES, Space, combinations, steps

CLOSE = 1e-9  # relative, of parameters after three steps in float64

Part = Callable[[str, Path, bool], dict[str, Any]]


def parity(device: str, folder: Path, small: bool) -> dict[str, Any]:
    """Three steps in float64 on the device and on the CPU: the largest relative difference of any parameter."""
    found = {}
    for name, space, order, level in combinations(small):
        states = []
        for each in ("cpu", device):
            session = space.session(each, dtype="float64", order=order, optimise=level)
            session.begin_epoch()
            steps(session, 3)
            session.verify()
            states.append([value.detach().cpu() for value in session.model.parameters()])
        worst = max(
            float((one - other).abs().max() / one.abs().max().clamp(min=1e-3))
            for one, other in zip(*states, strict=True)
        )
        found[f"{name}, order {order}, O{level}"] = worst
        assert worst < CLOSE, (name, order, level, worst)
    return found


def waits(device: str, folder: Path, small: bool) -> dict[str, Any]:
    """The first nine steps of an epoch, in which the host may not wait; on a GPU torch raises where it does."""
    found = {}
    for name, space, order, level in combinations(small):
        session = space.session(device, order=order, optimise=level)
        session.begin_epoch()
        steps(session, 1)  # kernels are chosen
        _forbid(device, True)
        try:
            steps(session, EVERY - 2)
        finally:
            _forbid(device, False)
        found[f"{name}, order {order}, O{level}"] = EVERY - 2
    return found


def _forbid(device: str, forbidden: bool) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.set_sync_debug_mode("error" if forbidden else "default")


def times(device: str, folder: Path, small: bool) -> dict[str, Any]:
    """Milliseconds a step, and the peak of memory: DARTS's space as it is, or the digits made small."""
    whole = Space("darts_cnn", {"C": 16}, {"batch": 64, "data": "drawn"})
    space, count = (SPACES["digits"], 2) if small else (whole, 8)
    found: dict[str, Any] = {}
    for order in ORDERS:
        for level in LEVELS:
            session = space.session(device, order=order, optimise=level)
            session.begin_epoch()
            steps(session, 2)
            _await(device)
            if device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            taken = []
            for _ in range(2):
                started = time.perf_counter()
                steps(session, count // 2)
                _await(device)
                taken.append((time.perf_counter() - started) / (count // 2))
            peak = torch.cuda.max_memory_allocated() if device == "cuda" else None
            found[f"order {order}, O{level}"] = {"ms": round(1000 * median(taken), 2), "peak_bytes": peak}
            del session
    return found


def _await(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def search(device: str, folder: Path, small: bool) -> dict[str, Any]:
    """Two epochs of the digits, whole and prolonged from one: they end, and the rows are there."""
    settings: dict[str, Any] = {"batch": 128, "parameters": {"C": 2}} if small else {}
    found = {}
    for order in ("1",) if small else ("1", "2"):
        started = time.perf_counter()
        run = dartsl.search(
            "digits", folder / f"whole{order}", epochs=2, order=order, device=device, **settings
        )
        found[f"order {order}, seconds"] = round(time.perf_counter() - started, 2)
        assert run.finished
        assert len(RunFolder.open(run.path).rows(ALPHAS)) == 2
    half = dartsl.search("digits", folder / "half", epochs=1, device=device, **settings)
    assert dartsl.resume(half.path, epochs=2).finished
    return found


PARTS: Mapping[str, Part] = {"parity": parity, "waits": waits, "search": search, "times": times}
