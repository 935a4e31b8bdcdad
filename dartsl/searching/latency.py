"""How long each part of a network takes on a device: what `dartsl latency` measures, for `cost = "FILE.json"`.

A part is measured as it will stand in a found network, in evaluation mode: with affine batch norms, and without
`mix_bn`. It runs by itself, as a network of one layer, on random images: some calls to warm up, then the median of some
more, less what a call takes that computes nothing. On a GPU that is the time between two events on its stream. Sums,
concatenations and memory that parts share are in none of them, so their sum is not what a whole network takes. Source:
Cai, Zhu and Han, "ProxylessNAS" (ICLR 2019, arXiv 1812.00332), section 3.3, where latencies are modelled so.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Protocol

import torch
from torch import Tensor

from dartsl.graph.budget import cell_layers, outside
from dartsl.lang.check.model import Spec
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.parts import parts_of
from dartsl.lang.plan.terms import CellTerm, Merge, Plan, Sequence, Step, Term, TermLayer
from dartsl.lang.records.inputs import Images
from dartsl.lang.records.primitives import owner
from dartsl.nn.ambient import undisturbed
from dartsl.nn.build import Build
from dartsl.nn.passing import PLAIN
from dartsl.nn.placing import torch_device, torch_dtype
from dartsl.nn.plugins import Implementations
from dartsl.nn.supernet import Supernet, from_plan
from dartsl.run.determinism import kernels_of
from dartsl.run.folder import versions
from dartsl.searching.bench_gpu import CudaGauge
from dartsl.searching.prices import CostTable, digest, parameters_of

UNIT = "ms"
DIGITS = 6  # of a number in the file
CPU_INFO = Path("/proc/cpuinfo")  # Linux alone has it


class Clock(Protocol):
    """What times calls on a device."""

    def seconds(self, call: Callable[[], None], repeats: int) -> list[float]:
        """What each of some calls takes on the device."""


class CpuClock:
    """The CPU, where a call is over when it returns."""

    def seconds(self, call: Callable[[], None], repeats: int) -> list[float]:
        found = []
        for _ in range(repeats):
            started = time.perf_counter()
            call()
            found.append(time.perf_counter() - started)
        return found


@dataclass(frozen=True)
class Setup:
    """How to measure.

    batch    images that go through a part at once: what is measured is the time of all of them
    repeats  timed calls of a part, of which the median counts; `warm` come before
    threads  of the CPU; None: as torch has it
    """

    build: Build
    batch: int = 1
    repeats: int = 30
    warm: int = 5
    threads: int | None = None


Watch = Callable[[int, int], None]  # how many parts are measured, of how many


@undisturbed()
def latencies(
    spec: Spec,
    plan: Plan,
    setup: Setup,
    plugins: Implementations = (),
    *,
    watch: Watch = lambda done, all_: None,
    clock: Clock | None = None,
) -> CostTable:
    """Measure every candidate of every edge in every layer of a network of images, and what lies outside of edges.

    Parts that compute the same on the same shapes are measured once. Raises SpecError, UserError for what cannot be
    built, or for another kind of network.
    """
    device = torch_device(setup.build.device)
    if not issubclass(plan.network.takes, Images):
        raise UserError(f"latencies are measured of networks of images, and this one is of {plan.input.kind}")
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"nothing is measured on the device `{device}`", "take cpu, or a GPU such as cuda:0")
    if (nested := plan.nested()) is not None:
        raise UserError(
            f"latencies are measured of cells that are layers, and `{nested[0]}` holds the cell `{nested[1]}`",
            "a search can count instead: --cost parameters or multiply_adds",
        )
    timer = clock or (CudaGauge(device) if device.type == "cuda" else CpuClock())
    measure = partial(_measure, spec, plan, setup, plugins, timer)
    with kernels_of(str(device), deterministic=False), _threads(setup.threads) as threads:
        found: dict[Term, float] = dict.fromkeys(filter(None, map(as_found, _terms(plan))), 0.0)
        overhead = measure(_identity(_first(next(_terms(plan)))))
        for done, term in enumerate(found):
            watch(done, len(found))
            found[term] = float(f"{max(measure(term) - overhead, 0.0):.{DIGITS}g}")
        watch(len(found), len(found))

    def cost(term: Term) -> float:
        what = as_found(term)
        return 0.0 if what is None else found[what]

    return CostTable(
        UNIT,
        plan.network.name,
        parameters_of(plan),
        digest(plan),
        _facts(setup, device, threads, overhead),
        {name: cost(term) for name, term in outside(plan)},
        {
            layer.name: [
                _entry(
                    edge.name,
                    {each.label: cost(term) for each, term in zip(edge.candidates, terms, strict=True)},
                )
                for edge, terms in zip(layer.cell.edges, layer.edges, strict=True)
            ]
            for layer in cell_layers(plan)
        },
    )


def _facts(setup: Setup, device: torch.device, threads: int, overhead: float) -> dict[str, object]:
    """How it was measured."""
    return {
        "device": _name(device),
        "type": device.type,
        "threads": threads,
        "dtype": str(torch_dtype(setup.build.dtype)).removeprefix("torch."),
        "batch": setup.batch,
        "level": setup.build.level,
        "repeats": setup.repeats,
        "nothing": overhead,
        "versions": versions(),
    }


def _entry(edge: str, candidates: Mapping[str, float]) -> dict[str, object]:
    return {"edge": edge, "candidates": dict(candidates)}


def as_found(term: Term) -> Term | None:
    """A term as a network without choices has it; None where it computes nothing."""
    return _decided(term) if any(map(_computes, _parts(term))) else None


def _decided(term: Term) -> Term:
    if isinstance(term, Merge):
        return replace(term, branches=tuple(map(_decided, term.branches)))
    if isinstance(term, Sequence):
        return Sequence(tuple(map(_decided, term.terms)))
    if isinstance(term, CellTerm):
        raise TypeError("a cell within another is not measured")
    if term.mixing:
        return _identity(term)
    norm = owner(term.primitive).has("batch_norm")
    return replace(term, arguments=(("affine", True),)) if norm else term


def _computes(part: Step | Merge) -> bool:
    if isinstance(part, Merge):
        return True
    return not part.mixing and not owner(part.primitive).has("identity", "zero")


def _parts(term: Term) -> Iterator[Step | Merge]:
    """The steps of a term, and the merges in it."""
    if isinstance(term, Step):
        yield term
        return
    if isinstance(term, Merge):
        yield term
    for each in parts_of(term):
        yield from _parts(each)


def _first(term: Term) -> Step:
    return next(part for part in _parts(term) if isinstance(part, Step))


def _identity(step: Step) -> Step:
    """What gives what a step takes."""
    return Step("identity", (), (1, 1), step.input, step.input, step.span)


def alone(plan: Plan, term: Term) -> Plan:
    """A network of images that has this term as its only layer."""
    shape = _first(term).input
    layer = TermLayer("part", "op", (Images.word,), term, term.output)
    return replace(
        plan, decided=True, input=Images(shape.channels, *shape.size), layers=(layer,), stages=(layer.name,)
    )


def _terms(plan: Plan) -> Iterator[Term]:
    """All terms of a network, those of edges last."""
    yield from (term for _, term in outside(plan))
    for layer in cell_layers(plan):
        yield from chain.from_iterable(layer.edges)


def _measure(
    spec: Spec, plan: Plan, setup: Setup, plugins: Implementations, clock: Clock, term: Term
) -> float:
    """Milliseconds of one term."""
    model = from_plan(spec, alone(plan, term), setup.build, plugins).eval()
    size = model.plan.input.batch(setup.batch)
    images = torch.randn(size, generator=torch.Generator().manual_seed(0))  # (B, C, H, W)
    images = images.to(torch_device(setup.build.device), torch_dtype(setup.build.dtype))
    call = partial(_run, model, images)
    clock.seconds(call, setup.warm)
    return median(clock.seconds(call, setup.repeats)) * 1000


@torch.no_grad()
def _run(model: Supernet, images: Tensor) -> None:
    model.network(images, PLAIN)


@contextmanager
def _threads(number: int | None) -> Iterator[int]:
    """Within it torch has so many threads on the CPU; gives how many it has."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def _name(device: torch.device) -> str:
    """What a device is called, as far as the system says."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
