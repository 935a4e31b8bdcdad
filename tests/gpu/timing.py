"""Milliseconds a step of a session, data included, and the peak of memory."""

from __future__ import annotations

import gc
import time
from statistics import median
from typing import Any

import torch

from dartsl.run.determinism import kernels_of
from dartsl.searching.session import SearchSession
from tests.gpu.registry import Machine
from tests.gpu.spaces import Space, steps

WARM = 4  # steps before anything is measured: kernels are chosen, passes captured


def await_(machine: Machine) -> None:
    if machine.on_gpu:
        torch.cuda.synchronize()


def timed(machine: Machine, space: Space, count: int, settings: dict[str, Any]) -> dict[str, Any]:
    """The median step of three rounds of `count` steps each, and the bytes held at most (None: unknown)."""
    reset(machine)
    with kernels_of(machine.device, deterministic=False):
        session = warmed(machine, space, settings)
        rounds = []
        for _ in range(3):
            await_(machine)
            started = time.perf_counter()
            steps(session, count)
            await_(machine)
            rounds.append(1000 * (time.perf_counter() - started) / count)
    return {"ms": round(median(rounds), 3), "rounds_ms": rounds, **peak(machine)}


def reset(machine: Machine) -> None:
    """Forget peaks, and give back what is not in use."""
    gc.collect()  # a session and its graphs may be part of a cycle
    if machine.on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak(machine: Machine) -> dict[str, int | None]:
    """Bytes at most so far: of tensors (`allocated`), and what torch took from the device for them (`reserved`)."""
    if not machine.on_gpu:
        return {"allocated": None, "reserved": None}
    return {
        "allocated": torch.cuda.max_memory_allocated(),
        "reserved": torch.cuda.max_memory_reserved(),
    }


def warmed(machine: Machine, space: Space, settings: dict[str, Any]) -> SearchSession[Any]:
    """A session that has taken its first steps."""
    session = space.session(machine.device, **settings)
    session.begin_epoch()
    steps(session, WARM)
    session.verify()
    return session
