"""What `dartsl latency` measures on a GPU: the parts of DARTS_V2, beside the whole network."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from statistics import median
from typing import Any

import torch

from dartsl.lang.checker import check, pick_network
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.supernet import from_plan
from dartsl.run.determinism import kernels_of
from dartsl.searching.bench_gpu import CudaGauge
from dartsl.searching.latency import CpuClock, Setup, latencies
from tests.gpu.registry import Machine, Piece, case


@case(share=0.03)
def latency(machine: Machine) -> Iterator[Piece]:
    """Images one by one, and many at once."""
    for batch in machine.choose((1, 64), small=1):
        yield f"batch {batch}", partial(measured, machine, batch)


def measured(machine: Machine, batch: int) -> dict[str, Any]:
    """The sum of the parts and the whole network, each in milliseconds, and how long the table took."""
    spec = check(read("zoo/darts_v2"))
    parameters = {"C": 4, "n": 1} if machine.small else {"C": 16, "n": 2}
    planned = plan(spec, pick_network(spec, None), parameters)
    setup = Setup(Build(device=machine.device), batch, repeats=3 if machine.small else 30)
    started = time.perf_counter()
    table = latencies(spec, planned, setup)
    took = time.perf_counter() - started
    edges = [cost for rows in table.edges.values() for row in rows for cost in row["candidates"].values()]
    parts = [*table.outside.values(), *edges]
    assert min(parts) == 0.0 < max(parts)  # those that compute nothing, and others
    return {
        "parts_ms": round(sum(parts), 3),
        "whole_ms": round(whole(machine, setup, spec, planned), 3),
        "nothing_ms": round(table.measured["nothing"], 4),
        "largest_ms": max(parts),
        "table_s": round(took, 1),
    }


@torch.no_grad()
def whole(machine: Machine, setup: Setup, spec: Any, planned: Any) -> float:
    """Milliseconds of the network, in evaluation mode."""
    model = from_plan(spec, planned, setup.build).eval()
    images = torch.randn(planned.input.batch(setup.batch)).to(machine.device)  # (B, C, H, W)
    clock = CudaGauge(torch.device(machine.device)) if machine.on_gpu else CpuClock()
    with kernels_of(machine.device, deterministic=False):
        clock.seconds(partial(model, images), setup.warm)
        return 1000 * median(clock.seconds(partial(model, images), setup.repeats))
