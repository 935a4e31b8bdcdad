"""Kernels and torch side by side on the device of a call: what is right, and what is fastest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.backends import cudnn

from dartsl.nn.kernels import cache
from dartsl.nn.kernels.chain import TILES, Kernels
from dartsl.nn.kernels.choice import LOG, Way
from dartsl.nn.kernels.precompile import of_chain, precompiled
from dartsl.nn.kernels.stage import Tiles
from dartsl.nn.passing import Pass
from dartsl.nn.separable import Chain, Weights, composed

# How far from float64, in norms, a way may be that torch itself computes more precisely: outputs and gradients. A ReLU
# near 0 goes either way by rounding, and takes its gradient with it.
APART = {"ieee": (1e-4, 5e-3), "tf32": (5e-3, 5e-2), "short": (3e-2, 2e-1)}
TIMES = 3  # that torch's own distance may be exceeded
ROUNDS = 3
ASLEEP = 20_000_000  # cycles of the GPU in which the host queues what is timed

_LOCK = threading.Lock()
_READY: set[tuple[torch.device, str]] = set()  # choices of this process whose kernels are compiled


class Measured(Protocol):
    """Some operations on random numbers, as a call has them but for their values; the first of these is its input."""

    @property
    def x(self) -> Tensor: ...

    @property
    def dtype(self) -> torch.dtype: ...

    def wide(self) -> Measured:
        """The same numbers in float64."""
        ...

    def ways(self, precision: str) -> tuple[Any, Mapping[str, Any]]:
        """Torch's way, and those of the kernels by name."""
        ...

    def run(self, way: Any) -> list[Tensor]:
        """The output, and the gradients of all that it depends on, along one direction. No statistic moves."""
        ...

    def launches(self, way: Any) -> None:
        """All that a search launches for a way of the kernels, to no effect."""
        ...


@dataclass(frozen=True)
class Case:
    """A chain on random numbers, as a call has it but for their values."""

    chain: Chain
    x: Tensor
    weights: tuple[Weights, ...]
    dtype: torch.dtype

    @classmethod
    def like(cls, chain: Chain, x: Tensor, weights: Sequence[Weights], dtype: torch.dtype) -> Case:
        draw = torch.Generator(x.device).manual_seed(0)

        def drawn(tensor: Tensor, scale: float = 1.0) -> Tensor:
            made = torch.randn(tensor.shape, generator=draw, device=x.device) * scale
            return made.to(tensor.dtype).requires_grad_()

        made = [
            Weights(
                drawn(each.depth, (each.depth[0].numel()) ** -0.5),
                drawn(each.point, each.point.shape[1] ** -0.5),
                None if each.gain is None else drawn(each.gain),
                None if each.bias is None else drawn(each.bias),
            )
            for each in weights
        ]
        return cls(chain, drawn(x), tuple(made), dtype)

    def wide(self) -> Case:
        """The same numbers in float64."""

        def widened(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.detach().double().requires_grad_()

        made = [Weights(*map(widened, (w.depth, w.point, w.gain, w.bias))) for w in self.weights]  # type: ignore[arg-type]
        return replace(
            self, x=self.x.detach().double().requires_grad_(), weights=tuple(made), dtype=torch.float64
        )

    def ways(self, precision: str) -> tuple[Way, Mapping[str, Way]]:
        return composed, {named(tiles): Kernels(tiles, self.dtype, precision) for tiles in TILES}

    def launches(self, way: Any) -> None:
        of_chain(self, way)

    def constant(self) -> Case:
        """The same with kernels that take no gradient."""
        made = (replace(w, depth=w.depth.detach(), point=w.point.detach()) for w in self.weights)
        return replace(self, weights=tuple(made))

    def leaves(self) -> list[Tensor]:
        """All that takes a gradient."""
        tensors = [t for w in self.weights for t in (w.depth, w.point, w.gain, w.bias) if t is not None]
        return [each for each in (self.x, *tensors) if each.requires_grad]

    def cast(self) -> torch.autocast:
        """Autocast, on in the types that it gives."""
        return torch.autocast(self.x.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16)

    def run(self, way: Way) -> list[Tensor]:
        with self.cast():
            y = way(self.chain, self.x, self.weights, Pass(frozen=True))
        return with_gradients(y, self.leaves())


def with_gradients(y: Tensor, leaves: Sequence[Tensor]) -> list[Tensor]:
    """An output, and its gradients along a random direction, always the same."""
    draw = torch.Generator(y.device).manual_seed(1)
    along = torch.randn(y.shape, generator=draw, device=y.device).to(y.dtype)
    return [y.detach(), *torch.autograd.grad(y, leaves, along)]


def best(
    chain: Chain, x: Tensor, weights: Sequence[Weights], dtype: torch.dtype, precision: str
) -> Tiles | None:
    """The tiles of the fastest kernels; None: torch is faster, or nothing can be measured while a graph is captured."""
    key = _key(chain, x, weights, dtype, precision)
    way = fastest(x.device, key, partial(Case.like, chain, x, weights, dtype), precision)
    return next((tiles for tiles in TILES if named(tiles) == way), None)


def fastest(device: torch.device, key: str, case: Callable[[], Measured], precision: str) -> str:
    """The name of the fastest way for a key; `torch` where nothing can be measured while a graph is captured."""
    with _LOCK:
        found = cache.known(device, key)
        if (device, key) not in _READY and not torch.cuda.is_current_stream_capturing():
            known, found = found, _elsewhere(device, partial(_ready, case, precision, found))
            if known is None:
                cache.remember(device, key, found)
            _READY.add((device, key))
    return "torch" if found is None else found["way"]


def _ready(case: Callable[[], Measured], precision: str, known: cache.Found | None) -> cache.Found:
    """What was found before, or is now; its kernels are compiled."""
    if known is None:
        made = case()
        precompiled(made, made.ways(precision)[1].values())
        return measured(made, precision)
    if known["way"] != "torch":
        with suppress(Exception):  # no memory is left, for example: the first pass compiles
            made = case()
            precompiled(made, [made.ways(precision)[1][known["way"]]])
    return known


def _key(chain: Chain, x: Tensor, weights: Sequence[Weights], dtype: torch.dtype, precision: str) -> str:
    """What a choice depends on: all sizes but that of the batch."""
    affine = "".join("+" if w.gain is not None else "-" for w in weights)
    mode = "train" if chain.norms[0][0].training else "eval"
    sizes = "x".join(map(str, x.shape[1:]))
    stages = ";".join(
        " ".join([str(int(relu)), *("x".join(map(str, pair)) for pair in pairs), str(width)])
        for relu, *pairs, width in chain.stages
    )
    sources = ".".join(map(str, chain.sources))
    return f"separable {dtype} {precision} {mode} {sizes} [{sources}] {stages} {affine}"


def named(tiles: Tiles) -> str:
    """What a cut is called."""
    return f"{tiles.numbers}x{tiles.warps}"


def _elsewhere(device: torch.device, finding: Callable[[], cache.Found]) -> cache.Found:
    """What is found in a thread of its own: autocast, inference mode, hooks of saved tensors belong to the caller's."""
    found: list[cache.Found] = []
    stream = torch.cuda.current_stream(device)

    def work() -> None:
        try:
            with torch.cuda.device(device), torch.cuda.stream(stream):
                found.append(finding())
        except Exception as error:  # no memory is left, for example: torch computes then
            LOG.warning("own kernels could not be measured: %s", reason(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return found[0] if found else {"way": "torch", "ms": {}}


def measured(case: Measured, precision: str) -> cache.Found:
    """The milliseconds of each way that is right, forward and backward, and the name of the fastest."""
    plain, ways = case.ways(precision)
    benchmark = cudnn.benchmark
    try:
        cudnn.benchmark = False  # for float64, which is computed once, no kernels are timed
        truth = case.wide().run(plain)
    finally:
        cudnn.benchmark = benchmark
    theirs = apart(case.run(plain), truth)
    took = {"torch": _milliseconds(case, plain)}
    for name, way in ways.items():
        try:
            wrong = faults(apart(case.run(way), truth), theirs, precision, case.dtype)
            if wrong:
                LOG.warning("own kernels (%s) are not used for %s: %s", name, tuple(case.x.shape), wrong)
            else:
                took[name] = _milliseconds(case, way)
        except Exception as error:  # a kernel that this device or this Triton does not take
            LOG.warning("own kernels (%s) are not used for %s: %s", name, tuple(case.x.shape), reason(error))
    return {"way": min(took, key=took.__getitem__), "ms": took}


def reason(error: Exception) -> str:
    """The last line of what an error says, which names the cause."""
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__


def apart(ours: Sequence[Tensor], truth: Sequence[Tensor]) -> list[float]:
    """Relative distances, in norms."""
    pairs = zip(ours, truth, strict=True)
    return [float((one.double() - true).norm() / true.norm().clamp(min=1e-30)) for one, true in pairs]


def faults(ours: Sequence[float], theirs: Sequence[float], precision: str, dtype: torch.dtype) -> str:
    """What is further from float64 than rounding takes it; nothing where all is right."""
    output, gradient = APART["short" if dtype == torch.bfloat16 else precision]
    for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        bound = max(TIMES * other, gradient if place else output)
        if not one <= bound:  # what is no number is wrong as well
            what = f"gradient {place}" if place else "the output"
            return f"{what} is {one:.1e} from float64, torch's {other:.1e}"
    return ""


def _milliseconds(case: Measured, way: Any) -> float:
    """The median time that the GPU takes, one call's work after the other as in a replayed graph."""
    for _ in range(2):
        case.run(way)
    taken: list[float] = []
    cuda: Any = torch.cuda  # torch leaves some of it without types
    for _ in range(ROUNDS):
        start, end = (cuda.Event(enable_timing=True) for _ in range(2))
        cuda._sleep(ASLEEP)  # the host is ahead when the work begins
        start.record()
        case.run(way)
        end.record()
        torch.cuda.synchronize()
        taken.append(start.elapsed_time(end))
    return median(taken)
