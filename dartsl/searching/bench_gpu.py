"""What the optimising passes and CUDA graphs gain on a GPU: times, kernels, how busy it is, and peak memory.

One variant after another has the GPU to itself. Times are those between two events on its stream, medians of
repetitions once kernels are chosen and steps captured. Kernels and busy time come from torch's profiler, of one more
step: what runs on the GPU, copies and fills too, and the time in which anything does. The peak is that of the memory
which torch's allocator has given out (`peak_bytes`), and what it has taken from the device for that (`reserved_bytes`);
the workspaces of cudnn are in both.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Any, Protocol

import torch

from dartsl.lang.codes.diagnostics import UserError
from dartsl.nn.ambient import undisturbed
from dartsl.nn.build import Build
from dartsl.nn.supernet import from_plan
from dartsl.run.beside import plugins_beside
from dartsl.run.determinism import kernels_of
from dartsl.run.obstacles import obstacles
from dartsl.run.parallel import ALONE
from dartsl.searching.bench import CASES, ORDERS, Stepper, Trial
from dartsl.step.graphs import WARM, Graphs

Span = tuple[float, float]  # when a kernel began and ended, in microseconds


@dataclass(frozen=True)
class Variant:
    """How a network is built, and whether its steps are replayed as CUDA graphs."""

    build: Build
    graphs: bool = False


ALL = "all"  # what can be switched on
VARIANTS: Mapping[str, Variant] = {
    "O0": Variant(Build(level=0, kernels="off")),
    "O2": Variant(Build(level=2, kernels="off")),
    "kernels": Variant(Build(level=2)),
    "graphs": Variant(Build(level=2, kernels="off"), graphs=True),
    ALL: Variant(Build(level=2), graphs=True),
    "low": Variant(Build(level=2, memory="low"), graphs=True),
}


@dataclass(frozen=True)
class GpuRow:
    """One case with one variant; `faster` than -O0 is the ratio of the medians.

    `kernels` and `busy_s` are those of one step; `no_graphs` is why none was captured where that was asked for.
    """

    case: str
    level: str
    median_s: float
    faster: float
    kernels: int
    busy_s: float
    peak_bytes: int
    reserved_bytes: int
    no_graphs: str | None = None


class Gauge(Protocol):
    """What measures a device."""

    def seconds(self, call: Callable[[], None], repeats: int) -> list[float]:
        """What each of some calls takes on the device."""

    def spans(self, call: Callable[[], None]) -> list[Span]:
        """What runs on the device in a call."""

    def reset(self) -> None:
        """Forget peaks, and give back what is not in use."""

    def peaks(self) -> tuple[int, int]:
        """Bytes that were given out at most, and reserved at most."""


@dataclass(frozen=True)
class CudaGauge:
    """A GPU."""

    device: torch.device

    def seconds(self, call: Callable[[], None], repeats: int) -> list[float]:
        event: Any = partial(torch.cuda.Event, enable_timing=True)  # torch leaves it without types
        marks = [(event(), event()) for _ in range(repeats)]
        torch.cuda.synchronize(self.device)
        for start, end in marks:
            start.record()
            call()
            end.record()
        torch.cuda.synchronize(self.device)
        return [start.elapsed_time(end) / 1000 for start, end in marks]

    def spans(self, call: Callable[[], None]) -> list[Span]:
        from torch.profiler import ProfilerActivity, profile

        torch.cuda.synchronize(self.device)
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
            call()
            torch.cuda.synchronize(self.device)
        on_gpu = (event for event in profiled.events() or () if event.device_type.name == "CUDA")
        return [
            (event.time_range.start, event.time_range.end) for event in on_gpu if not event.is_user_annotation
        ]

    def reset(self) -> None:
        gc.collect()  # a network and its graphs may be part of a cycle
        torch.cuda.synchronize(self.device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)

    def peaks(self) -> tuple[int, int]:
        return torch.cuda.max_memory_allocated(self.device), torch.cuda.max_memory_reserved(self.device)


@undisturbed()
def bench_gpu(
    trial: Trial,
    device: str,
    cases: Sequence[str] = CASES,
    *,
    repeats: int = 3,
    levels: Sequence[str] = tuple(VARIANTS),
    say: Callable[[str], None] = lambda text: None,
    gauge: Gauge | None = None,
) -> list[GpuRow]:
    """A row for each case and each variant of some `levels`, of which the first is what others are compared with.

    Raises SpecError, UserError for a network that cannot be built, or not fit.
    """
    measured = CudaGauge(torch.device(device)) if gauge is None else gauge
    rows: list[GpuRow] = []
    with kernels_of(device, deterministic=False):
        for case in cases:
            plain: float | None = None
            for name, variant in ((name, VARIANTS[name]) for name in levels):
                if case == "forward_backward" and variant.graphs and variant.build.memory == "normal":
                    continue  # a pass by itself is not captured
                say(f"{case} at {name}")
                row = _row(trial, device, case, name, measured, repeats)
                if row is None:
                    break  # a network without a choice has no search steps
                plain = row.median_s if plain is None else plain
                rows.append(replace(row, faster=plain / row.median_s))
    return rows


def _row(trial: Trial, device: str, case: str, name: str, gauge: Gauge, repeats: int) -> GpuRow | None:
    gauge.reset()
    job, variant = trial.job, VARIANTS[name]
    build = replace(variant.build, device=device)
    try:
        model = from_plan(job.spec, job.plan(), build, job.plugins or plugins_beside(job.source))
        if case in ORDERS and not model.alpha_parameters():
            return None
        stepper = Stepper(model, everything=name == "O0", numbers=trial.numbers)
        told: list[str] = []
        graphs = Graphs.of(device, variant.graphs and case in ORDERS, obstacles(model, ALONE, own_code=False))
        graphs.say = told.append
        if case in ORDERS:
            stepper.steps[case].graphs = graphs
        call = partial(stepper.run, case, *stepper.batches(trial.batch))
        for _ in range(WARM + 2):
            call()
        times = gauge.seconds(call, repeats)
        peak, reserved = gauge.peaks()
        spans = gauge.spans(call)
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"{device} has too little memory for {case} at {name}, batch {trial.batch}",
            "try a smaller --batch",
        ) from error
    return GpuRow(case, name, median(times), 1.0, len(spans), busy(spans) / 1e6, peak, reserved, *told[:1])


def busy(spans: Iterable[Span]) -> float:
    """The time in which anything runs: kernels on several streams overlap."""
    total, until = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total
