"""Pools of one source by own kernels: distance from float64 and milliseconds beside torch, for each size of a space."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from math import prod
from typing import Any

import torch

from dartsl.graph.build import build
from dartsl.graph.operations import Application, application
from dartsl.graph.passes import optimise
from dartsl.graph.target import TARGETS
from dartsl.lang.checker import check, pick_network
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.syntax.loader import read
from dartsl.nn.norms import BatchNorm2d
from dartsl.nn.pools import Pools
from tests.gpu.registry import Machine, Piece, case

SPACE = "darts_cnn"
IMAGES = 64


@case(share=0.05)
def pools(machine: Machine) -> Iterator[Piece]:
    """Without Triton on a GPU a piece fails: nothing was shown then."""
    for name, applied in machine.choose(list(sizes().items()), small=1):
        for kind in machine.choose((torch.float32, torch.bfloat16), small=1):
            yield f"{name}, {str(kind).removeprefix('torch.')}", partial(measured, machine, applied, kind)


def sizes() -> dict[str, Application]:
    """What the pass `pools` makes of a space, one of each size."""
    spec = check(read(SPACE))
    graph = optimise(build(plan(spec, pick_network(spec, None), {})), 2, TARGETS["cuda"]).graph
    every = [application(graph, node) for node in graph]
    return {described(each): each for each in every if each.kind == "pooled"}


def described(applied: Application) -> str:
    """What makes a size."""
    shape, stride = applied.shape, applied.attribute("stride")
    return f"{applied.attribute('k')} / {stride} -> {shape}".replace("(", "").replace(")", "")


def measured(machine: Machine, applied: Application, dtype: torch.dtype) -> dict[str, Any]:
    """Relative distances from float64 and times of torch and of each cut, forward and backward."""
    if not machine.on_gpu:
        return {"size": described(applied)}
    from dartsl.nn.kernels import measure

    case_ = made(machine, applied, dtype)
    plain, ways = case_.ways("ieee")
    truth = case_.wide().run(plain)
    theirs = measure.apart(case_.run(plain), truth)
    record: dict[str, Any] = {"torch": {"apart": max(theirs), "ms": measure._milliseconds(case_, plain)}}
    for name, way in ways.items():
        compiling = time.perf_counter()
        ours = measure.apart(case_.run(way), truth)
        torch.cuda.synchronize()
        taken = time.perf_counter() - compiling
        wrong = measure.faults(ours, theirs, "ieee", dtype)
        assert not wrong, (name, wrong)
        took = {"apart": max(ours), "ms": measure._milliseconds(case_, way), "first_seconds": round(taken, 2)}
        record[name] = took
    # To read the source and to write two pools, and the same backwards, at least.
    return {**record, "bytes": 2 * case_.x.element_size() * (case_.x.numel() + IMAGES * prod(applied.shape))}


def made(machine: Machine, applied: Application, dtype: torch.dtype) -> Any:
    """Pools of an application's sizes on random numbers."""
    from dartsl.nn.kernels.pool_choice import PoolCase

    rows: Any = applied.attribute("pools")
    k: Any = applied.attribute("k")
    stride: Any = applied.attribute("stride")
    here, channels = torch.device(machine.device), applied.shape[0] // len(rows)
    norms = tuple((BatchNorm2d(channels, affine=False).to(here),) for _ in rows)
    size = [side * step for side, step in zip(applied.shape[1:], stride, strict=True)]
    x = torch.empty(IMAGES, channels, *size, device=here, dtype=dtype)
    return PoolCase.like(Pools(tuple(kind for kind, _ in rows), k, stride, norms), x, None)
