"""Own kernels: distance from float64 and milliseconds beside torch, for each geometry of the spaces; compilations."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
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
from dartsl.nn.separable import Chain, Weights, composed
from tests.gpu.registry import Machine, Piece, case

KINDS = ("separable", "scaled_separable")
NETWORKS = {"darts_cnn": {}, "zoo/darts_v2": {}}


@case(share=0.15)
def kernels(machine: Machine) -> Iterator[Piece]:
    """Without Triton on a GPU a piece fails: nothing was shown then."""
    found = {}
    for name in machine.choose(tuple(NETWORKS), small=1):
        for applied in chains(name):
            found.setdefault(described(applied), applied)
    for name, applied in list(found.items())[: 1 if machine.small else None]:
        for kind in machine.choose((torch.float32, torch.bfloat16), small=1):
            yield f"{name}, {str(kind).removeprefix('torch.')}", partial(measured, machine, applied, kind)


def chains(name: str) -> Iterator[Application]:
    """What the pass `fuse` makes of a network."""
    spec = check(read(name))
    graph = optimise(build(plan(spec, pick_network(spec, None), NETWORKS[name])), 2, TARGETS["cuda"]).graph
    found = (application(graph, node) for node in graph)
    return (each for each in found if each.kind in KINDS)


def described(applied: Application) -> str:
    """What makes a geometry: members, stages, size."""
    sources, stages = applied.attribute("sources"), applied.attribute("stages")
    assert isinstance(sources, tuple)
    assert isinstance(stages, tuple)
    rows = [row for row in stages if isinstance(row, tuple)]
    each = " > ".join(f"{row[1]} / {row[2]} d {row[4]}" for row in rows)
    return f"{len(sources)} of {rows[0][5]}: {each} -> {applied.shape}".replace("(", "").replace(")", "")


def measured(machine: Machine, applied: Application, dtype: torch.dtype) -> dict[str, Any]:
    """Relative distances from float64 and times of torch and of each cut; and what compiling and comparing took."""
    if not machine.on_gpu:
        return {"geometry": described(applied)}
    from dartsl.nn.kernels import choice, measure
    from dartsl.nn.kernels.chain import TILES, Kernels
    from dartsl.nn.kernels.precompile import precompiled

    precision = "tf32" if dtype == torch.float32 and choice._allows_tf32() else "ieee"
    started = time.perf_counter()
    case_ = made(machine, applied, dtype)
    truth = case_.wide().run(composed)
    theirs = measure.apart(case_.run(composed), truth)
    record: dict[str, Any] = {"torch": {"apart": max(theirs), "ms": measure._milliseconds(case_, composed)}}
    compiling = time.perf_counter()
    precompiled(case_, case_.ways(precision)[1].values())
    record["compile_seconds"] = round(time.perf_counter() - compiling, 2)
    for tiles in TILES:
        way = Kernels(tiles, dtype, precision)
        first = time.perf_counter()
        ours = measure.apart(case_.run(way), truth)
        torch.cuda.synchronize()
        taken = time.perf_counter() - first
        wrong = measure.faults(ours, theirs, precision, dtype)
        assert not wrong, (tiles, wrong)
        took = {"apart": max(ours), "ms": measure._milliseconds(case_, way), "first_seconds": round(taken, 2)}
        record[f"{tiles.numbers}x{tiles.warps}"] = took
    return {**record, "seconds": round(time.perf_counter() - started, 2), "compiled": compiled()}


def compiled() -> dict[str, int]:
    """How many specialisations of each kernel this process has compiled or loaded so far."""
    from dartsl.nn.kernels import separable, sums

    functions = (separable.forward, separable.weights, separable.inputs)
    every = (*functions, sums.moments, sums.add_terms, sums.split_terms)
    # (kernels, ..) of each device, as Triton 3 keeps them
    return {
        function.__name__: sum(len(caches[0]) for caches in function.device_caches.values())
        for function in every
    }


def made(machine: Machine, applied: Application, dtype: torch.dtype) -> Any:
    """A chain of an application's sizes on random numbers, 64 images."""
    from dartsl.nn.kernels.measure import Case

    sources: Any = applied.attribute("sources")
    rows: Any = applied.attribute("stages")
    members, channels = len(sources), rows[0][5]
    here = torch.device(machine.device)
    norms, weights = [], []
    for _, kernel, *_, width in rows:
        norms.append(tuple(BatchNorm2d(width, affine=False).to(here) for _ in range(members)))
        depth = torch.empty(members * channels, 1, *kernel, device=here)
        point = torch.empty(members * width, channels, 1, 1, device=here)
        weights.append(Weights(depth, point, torch.empty(members * width, device=here), None))
        channels = width
    stride = [1, 1]
    for _, _, step, *_ in rows:
        stride = [one * other for one, other in zip(stride, step, strict=True)]
    size = [side * step for side, step in zip(applied.shape[1:], stride, strict=True)]
    x = torch.empty(64, (max(sources) + 1) * rows[0][5], *size, device=here)
    return Case.like(Chain(tuple(rows), tuple(sources), tuple(norms)), x, weights, dtype)
