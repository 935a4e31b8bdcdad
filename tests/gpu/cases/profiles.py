"""Where the time of a step goes: its kernels, and what part of the memory limit it reaches."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dartsl.run.determinism import kernels_of
from tests.gpu.registry import Machine, Piece, case, variant_name
from tests.gpu.spaces import SPACES, WHOLE, steps
from tests.gpu.timing import await_, timed, warmed

TOP = 25
COPIED = 1 << 30  # bytes of the tensor that is copied to measure the bandwidth


class Moved(TorchDispatchMode):
    """Bytes of the tensors that operations make, and that they read and make together; views are left out."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.made = self.moved = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if not func.is_view and func is not torch.ops.aten._unsafe_view.default:
            made = sum(leaf.nbytes for leaf in tree_leaves(found) if isinstance(leaf, Tensor))
            read = sum(leaf.nbytes for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor))
            self.made += made
            self.moved += made + read
        return found


@case(share=0.08)
def profiles(machine: Machine) -> Iterator[Piece]:
    """A first-order step with all that can be switched on, and without."""
    yield "roofline", partial(roofline, machine)
    for settings in machine.choose((machine.variants()[-1], machine.variants()[0]), small=1):
        yield variant_name(settings) or "O2", partial(profiled, machine, settings)


def profiled(machine: Machine, settings: dict[str, Any]) -> dict[str, Any]:
    """Kernels of one step by the time they take together."""
    from torch.profiler import ProfilerActivity, profile

    space = SPACES["text"] if machine.small else WHOLE
    with kernels_of(machine.device, deterministic=False):
        session = warmed(machine, space, {"order": "1", **settings})
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if machine.on_gpu else [])]
        await_(machine)
        with profile(activities=activities) as found:
            steps(session, 1)
            await_(machine)
    kind = "CUDA" if machine.on_gpu else "CPU"
    totals: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for event in found.events() or ():
        if event.device_type.name == kind and not event.is_user_annotation:
            totals[event.name][0] += 1
            totals[event.name][1] += event.time_range.elapsed_us() / 1000
    ranked = sorted(totals.items(), key=lambda item: -item[1][1])
    return {
        "kernels": int(sum(count for count, _ in totals.values())),
        "ms": round(sum(ms for _, ms in totals.values()), 3),
        "top": [[name[:100], int(count), round(ms, 3)] for name, (count, ms) in ranked[:TOP]],
    }


def roofline(machine: Machine) -> dict[str, Any]:
    """A step's bytes by the bandwidth of a copy, beside the step's time.

    `floor_ms`: each tensor that -O2's operations make, written once and read once. `moved_ms`: what these operations
    read and write one by one. Both are of operations as they are, without kernels that fuse them.
    """
    space = SPACES["text"] if machine.small else WHOLE
    bandwidth = copy_bandwidth(machine)
    plain = machine.variants()[0]
    with kernels_of(machine.device, deterministic=False):
        session = warmed(machine, space, {"order": "1", **plain})
        with Moved() as moved:
            steps(session, 1)
        del session
        best = timed(machine, space, 1 if machine.small else 10, {"order": "1", **machine.variants()[-1]})
    floor, each = (1000 * count / bandwidth for count in (2 * moved.made, moved.moved))
    return {
        "bandwidth_bytes_a_second": round(bandwidth),
        "made_bytes": moved.made,
        "moved_bytes": moved.moved,
        "floor_ms": round(floor, 3),
        "moved_ms": round(each, 3),
        "step_ms": best["ms"],
        "share_of_roofline": round(floor / best["ms"], 4),
    }


def copy_bandwidth(machine: Machine) -> float:
    """Bytes a second that a copy reads and writes."""
    size = COPIED >> (6 if machine.small else 0)
    one = torch.zeros(size, dtype=torch.uint8, device=machine.device)
    other = torch.empty_like(one)
    best = 0.0
    for _ in range(5):
        await_(machine)
        started = time.perf_counter()
        other.copy_(one)
        await_(machine)
        best = max(best, 2 * size / (time.perf_counter() - started))
    return best
