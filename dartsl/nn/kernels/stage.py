"""One stage of a separable convolution by the kernels of `separable.py`, as a function that torch differentiates.

Nothing but its inputs, its result and the moments of that are kept for the backward pass: what is normalised, and the
result of the depthwise convolution, are computed again there. The backward pass is differentiable: where it is asked
for a graph, it runs through the same mathematics in torch.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from dartsl.nn.kernels import separable, sums

Pair = tuple[int, int]
PROGRAMS = 1024  # at least so many, where tiles allow it: some for each multiprocessor
INTERPRETED = not isinstance(separable.forward, triton.JITFunction)  # by Triton's interpreter, on the CPU
FUSION = {"enable_fp_fusion": True}  # multiply-adds, as the library's own kernels use them


@dataclass(frozen=True)
class Geometry:
    """What a stage does, numbers apart. sources: the block of the input that each member reads, in order."""

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    relu: bool
    sources: tuple[int, ...]


@dataclass(frozen=True)
class Tiles:
    """How a kernel is cut: the numbers of a tile, and the warps of a program."""

    numbers: int
    warps: int


class Norm(NamedTuple):
    """(x - mean) * scale + offset, one number a channel."""

    mean: Tensor
    scale: Tensor
    offset: Tensor


class Result(NamedTuple):
    """What a stage gives, and mean and variance (not corrected) of each channel: zeros where nobody asks."""

    y: Tensor
    mean: Tensor
    variance: Tensor


@dataclass(frozen=True)
class Run:
    """How a stage is to run. dtype: of its result; precision: of products of float32, as Triton names it."""

    geometry: Geometry
    tiles: Tiles
    dtype: torch.dtype
    precision: str
    moments: bool


def stage(x: Tensor, norm: Norm | None, depth: Tensor, point: Tensor | None, run: Run) -> Result:
    """x (B, blocks * C, H, W), depth (members * C, 1, k, l), point (members * O, C, 1, 1) -> y (B, members * O, ..)."""
    mean, scale, offset = (None, None, None) if norm is None else norm
    found: tuple[Tensor, Tensor, Tensor] = _Stage.apply(x, mean, scale, offset, depth, point, run)  # type: ignore[no-untyped-call]
    return Result(*found)


def in_torch(x: Tensor, norm: Norm | None, depth: Tensor, point: Tensor | None, run: Run) -> Result:
    """The same in torch's own operations."""
    how = run.geometry
    wide = x.float() if x.dtype == torch.bfloat16 else x
    if norm is not None:
        mean, scale, offset = (each.view(-1, 1, 1) for each in norm)
        wide = (wide - mean) * scale + offset
    u = (torch.relu(wide) if how.relu else wide).to(run.dtype)
    members = len(how.sources)
    blocks = torch.split(u, depth.shape[0] // members, 1)
    u = torch.cat([blocks[source] for source in how.sources], 1)
    y = F.conv2d(u, depth.to(u.dtype), None, how.stride, how.padding, how.dilation, depth.shape[0])
    if point is not None:
        y = F.conv2d(y, point.to(u.dtype), groups=members)
    return with_moments(y, run.moments)


def with_moments(y: Tensor, wanted: bool) -> Result:
    """What something gives in torch, with its moments where they are wanted."""
    if not wanted:
        none = y.new_zeros(y.shape[1])
        return Result(y, none, none)
    seen = y.float() if y.dtype == torch.bfloat16 else y
    variance, mean = torch.var_mean(seen, (0, 2, 3), correction=0)
    return Result(y, mean, variance)


class _Stage(Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, Tensor, Tensor]:
        x, mean, scale, offset, depth, point, run = given
        norm = None if mean is None else Norm(mean, scale, offset)
        x, depth = dense(x), depth.contiguous()
        shape = Shape.of(x, depth, point, run)
        with on(x):
            y, y_mean, variance = shape.forward(x, norm, depth, point)
        ctx.run = run
        ctx.save_for_backward(x, mean, scale, offset, depth, point, y, y_mean)
        return y, y_mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        x, mean, scale, offset, depth, point, y, y_mean = ctx.saved_tensors
        norm = None if mean is None else Norm(mean, scale, offset)
        if torch.is_grad_enabled():  # a graph of the backward pass is asked for
            return _again(ctx, x, norm, depth, point, gradients)
        shape = Shape.of(x, depth, point, ctx.run)
        wanted = ctx.needs_input_grad
        inner, of_depth, of_point = shape.weights(
            (x, norm, depth, point), Result(y, y_mean, y_mean), Result(*gradients), any(wanted[4:6])
        )
        of_x = of_mean = of_scale = of_offset = None
        if any(wanted[:4]):
            of_x, totals, products = shape.inputs(x, norm, depth, inner)
            if norm is not None and any(wanted[1:4]):
                of_mean, of_scale, of_offset = gathered(totals, products, norm.scale, 1)
        return of_x, of_mean, of_scale, of_offset, of_depth, of_point, None


def _again(
    ctx: Any, x: Tensor, norm: Norm | None, depth: Tensor, point: Tensor | None, gradients: tuple[Any, ...]
) -> tuple[Tensor | None, ...]:
    """The gradients as torch's own operations give them, with a graph of their own."""
    given = [x, *(norm or (None, None, None)), depth, point]
    places = [place for place, wanted in enumerate(ctx.needs_input_grad) if wanted]
    with torch.autocast(x.device.type, enabled=False):
        results = in_torch(x, norm, depth, point, ctx.run)
        pairs = [pair for pair in zip(results, gradients, strict=True) if pair[0].requires_grad]
        outputs, along = zip(*pairs, strict=True)
        found = torch.autograd.grad(
            outputs, [given[place] for place in places], along, create_graph=True, allow_unused=True
        )
    by_place = dict(zip(places, found, strict=True))
    return tuple(by_place.get(place) for place in range(7))


def on(x: Tensor) -> AbstractContextManager[None]:
    """Within it Triton launches on the device of a tensor. (A backward pass is on the right one.)"""
    cuda: Any = torch.cuda  # torch leaves it without types
    found: AbstractContextManager[None] = cuda.device_of(x)
    return found


def dense(x: Tensor) -> Tensor:
    """Images (B, C, H, W) whose numbers lie one after another; only the stride between images may be any."""
    _, channels, height, width = x.shape
    inside = x.stride()[1:] == (height * width, width, 1) and x.stride(0) >= channels * height * width
    return x if inside else x.contiguous()


@cache
def _numbers(values: tuple[int, ...], device: torch.device) -> Tensor:
    """Whole numbers on a device, once: a CUDA graph reads them where they lie."""
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=torch.int32).to(device)


def gathered(totals: Tensor, products: Tensor, scale: Tensor, terms: int) -> Norm:
    """The gradients of a normalisation with a `scale` (terms * C,), by `sums.of_norms`, from the parts of their sums:
    totals (programs, C) and products (programs, terms * C)."""
    programs, wide = products.shape
    found = Norm(*products.new_empty((3, wide)))
    sums.of_norms[(triton.cdiv(wide, 16),)](
        totals, products, scale.contiguous(), *found, programs, totals.shape[1], terms,
        BR=256, BC=16, num_warps=8, **FUSION,
    )  # fmt: skip
    return found


def _power(number: int, least: int) -> int:
    return max(least, int(triton.next_power_of_2(number)))


@dataclass(frozen=True)
class Shape:
    """The sizes of a stage on its way to the kernels."""

    run: Run
    batch: int
    blocks: int
    members: int
    channels: int
    width: int
    image: Pair
    result: Pair
    point: bool

    @classmethod
    def of(cls, x: Tensor, depth: Tensor, point: Tensor | None, run: Run) -> Shape:
        how = run.geometry
        members = len(how.sources)
        channels = depth.shape[0] // members
        sizes = zip(x.shape[2:], how.kernel, how.stride, how.padding, how.dilation, strict=True)
        result = [(size + 2 * pad - wide * (k - 1) - 1) // step + 1 for size, k, step, pad, wide in sizes]
        width = channels if point is None else point.shape[0] // members
        image = (x.shape[2], x.shape[3])
        blocks = x.shape[1] // channels
        found = (result[0], result[1])
        return cls(run, x.shape[0], blocks, members, channels, width, image, found, point is not None)

    @property
    def tile(self) -> int:
        """Pixels of a tile."""
        largest = _power(max(self.channels, self.width), 16)
        return max(16, self.run.tiles.numbers // largest)

    def parts(self, size: Pair, beside: int) -> int:
        """In how many parts the pixels of an image are taken."""
        tiles = -(-size[0] * size[1] // self.tile)
        return max(1, min(tiles, -(-PROGRAMS // (self.batch * beside))))

    def geometry(self) -> tuple[int, ...]:
        how = self.run.geometry
        return (*how.stride, *how.padding, *how.dilation)

    def constants(self) -> dict[str, Any]:
        down, across = self.run.geometry.kernel
        block = _power(self.channels, 16)
        return {"KH": down, "KW": across, "RELU": self.run.geometry.relu, "BC": block, "BP": self.tile}

    def matrix(self) -> dict[str, Any]:
        """Constants of kernels with the pointwise product."""
        wide = _power(self.width, 16) if self.point else _power(self.channels, 16)
        short = self.run.dtype == torch.bfloat16 and not INTERPRETED  # whose product reads float32 alone
        dot = triton.language.bfloat16 if short else triton.language.float32
        flags = {"POINT": self.point, "MOMENTS": self.run.moments}
        return {**flags, "BO": wide, "PRECISION": self.run.precision, "DOT": dot}

    def launch(self) -> dict[str, Any]:
        return {"num_warps": self.run.tiles.warps, **FUSION}

    def forward(self, x: Tensor, norm: Norm | None, depth: Tensor, point: Tensor | None) -> Result:
        """The result and its moments."""
        wide = self.members * self.width
        y = x.new_empty((self.batch, wide, *self.result), dtype=self.run.dtype)
        parts = self.parts(self.result, self.members)
        programs = self.batch * parts
        made = x.new_empty if self.run.moments else x.new_zeros
        kept = made((2, wide), dtype=torch.float32)
        totals = x.new_empty((2, programs if self.run.moments else 0, wide), dtype=torch.float32)
        source = _numbers(self.run.geometry.sources, x.device)
        separable.forward[(programs, self.members)](
            x, *_three(norm, x), source, depth, self.cast(point, x), y, totals[0], totals[1],
            x.stride(0), y.stride(0), self.channels, self.width, *self.image, *self.result, parts, *self.geometry(),
            NORM=norm is not None, **self.constants(), **self.matrix(), **self.launch(),
        )  # fmt: skip
        if self.run.moments:
            pixels = self.result[0] * self.result[1]
            # As a float: of a whole number that is 1, Triton makes a constant, which has no type to be changed.
            sums.moments[(triton.cdiv(wide, 16),)](
                totals[0], totals[1], kept[0], kept[1], programs, parts, pixels, self.tile,
                float(self.batch * pixels), wide, BR=256, BC=16, num_warps=8, **FUSION,
            )  # fmt: skip
        return Result(y, kept[0], kept[1])

    def cast(self, point: Tensor | None, x: Tensor) -> Tensor:
        """The matrix in the type in which it is multiplied; any tensor where there is none."""
        return x if point is None else point.to(self.run.dtype).contiguous()

    def weights(
        self,
        given: tuple[Tensor, Norm | None, Tensor, Tensor | None],
        result: Result,
        gradients: Result,
        wanted: bool,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The gradient of the depthwise result, and, where `wanted`, those of both weights."""
        x, norm, depth, point = given
        parts = self.parts(self.result, self.members)
        programs = self.batch * parts if wanted else 0
        inner = x.new_empty((self.batch, self.members * self.channels, *self.result), dtype=self.run.dtype)
        of_depth = x.new_empty((programs, *depth.shape), dtype=torch.float32)
        of_point = x.new_empty((programs, *(point.shape if point is not None else (0,))), dtype=torch.float32)
        of_y = dense(gradients.y)
        down, across = self.run.geometry.kernel
        separable.weights[(self.batch * parts, self.members)](
            x, *_three(norm, x), _numbers(self.run.geometry.sources, x.device), depth, self.cast(point, x), result.y,
            of_y, result.mean, gradients.mean, gradients.variance, inner, of_depth, of_point,
            x.stride(0), result.y.stride(0), of_y.stride(0), self.channels, self.width, *self.image, *self.result,
            parts, *self.geometry(), float(self.batch * self.result[0] * self.result[1]),
            NORM=norm is not None, WEIGHTS=wanted, BT=_power(down * across, 16),
            **self.constants(), **self.matrix(), **self.launch(),
        )  # fmt: skip
        if not wanted:
            return inner, None, None
        found = None if point is None else of_point.sum(0).to(point.dtype)
        return inner, of_depth.sum(0).to(depth.dtype), found

    def inputs(
        self, x: Tensor, norm: Norm | None, depth: Tensor, inner: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The gradient of x; parts (programs, channels) of the sums that those of its normalisation are made of."""
        parts = self.parts(self.image, self.blocks)
        of_x = x.new_empty(x.shape)
        programs = self.batch * parts
        totals = x.new_empty((2, programs if norm is not None else 0, x.shape[1]), dtype=torch.float32)
        counts = [self.run.geometry.sources.count(block) for block in range(self.blocks)]
        ends = _numbers((0, *accumulate(counts)), x.device)
        separable.inputs[(programs, self.blocks)](
            x, *_three(norm, x), ends, depth, inner, of_x, totals[0], totals[1],
            x.stride(0), self.channels, *self.image, *self.result, self.members, parts, *self.geometry(),
            NORM=norm is not None, **self.constants(), **self.launch(),
        )  # fmt: skip
        return of_x, totals[0], totals[1]


def _three(norm: Norm | None, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The numbers of a normalisation; any tensor where there is none."""
    return (x, x, x) if norm is None else tuple(each.contiguous() for each in norm)  # type: ignore[return-value]
