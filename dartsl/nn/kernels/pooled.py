"""Pools of one source (`dartsl.nn.pools`) by the kernels of `pools.py`, as functions that torch differentiates.

One kernel reads the source once and writes all pools, their moments, and of each maximum its place in the window, a
byte, from which the backward pass gathers. The normalisation is that of `scales.py` and `terms.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import triton
from torch import Tensor
from torch.autograd import Function
from torch.nn.modules.batchnorm import _NormBase

from dartsl.nn import packing
from dartsl.nn.kernels import pools as kernels
from dartsl.nn.kernels import sums
from dartsl.nn.kernels.chain import zeros
from dartsl.nn.kernels.scales import scaled
from dartsl.nn.kernels.stage import FUSION, Norm, Result, Tiles, dense, on, with_moments
from dartsl.nn.kernels.terms import Part, add_terms
from dartsl.nn.norms import counted, reads
from dartsl.nn.passing import Pass
from dartsl.nn.pools import Pools, pooled
from dartsl.nn.running import together

TILES = (Tiles(256, 4), Tiles(1024, 4))  # pixels of a tile, and its warps
MEAN, MAX = "avg_pool", "max_pool"  # the primitives that the kernels know
WIDEST = 11  # whose places a byte can count


@dataclass(frozen=True)
class PoolKernels:
    """What computes pools in tiles."""

    tiles: Tiles

    def __call__(self, pools: Pools, x: Tensor, gain: Tensor | None, pass_: Pass) -> tuple[Tensor, ...]:
        """As `dartsl.nn.pools.composed`."""
        firsts = [norms[0] for norms in pools.norms]
        batch = firsts[0].training or not reads(firsts[0], pass_)
        result = pool(x, Run(pools, self.tiles, batch))
        mean, variance = (result.mean, result.variance) if batch else packing.statistics(firsts)
        if batch and reads(firsts[0], pass_) and not pass_.again:
            _move(result, pools.norms)
        scale = scaled(variance, gain, firsts[0].eps, None)
        y = add_terms([Part(result.y, Norm(mean, scale, zeros(scale.shape[0], x.device)), 1)])
        return torch.chunk(y, len(firsts), 1)


@torch.no_grad()
def _move(result: Result, norms: Sequence[Sequence[_NormBase]]) -> None:
    """Running statistics towards those of a batch; the first norm of each pool, then those that it stands for."""
    pixels = result.y.numel() / result.y.shape[1]
    variance = result.variance * (pixels / (pixels - 1))
    firsts = [each[0] for each in norms]
    momentum = counted(firsts[0], firsts[0].num_batches_tracked)
    packing.counted([norm for each in norms for norm in each if norm is not firsts[0]])
    size = firsts[0].num_features
    packing.approached(firsts, torch.split(result.mean, size), torch.split(variance, size), momentum)
    for first, *others in norms:
        known = together([first, *others]) if others else None
        if known is not None:
            known.moved()
        elif others and first.running_mean is not None and first.running_var is not None:
            packing.moved(others, [first.running_mean] * len(others), [first.running_var] * len(others))


@dataclass(frozen=True)
class Run:
    """How pools are to run; moments: of what they give as well."""

    pools: Pools
    tiles: Tiles
    moments: bool

    def constants(self, pixels: int) -> dict[str, Any]:
        kinds = self.pools.kinds
        places = {
            name: kinds.index(kind) if kind in kinds else -1 for name, kind in (("MEAN", MEAN), ("MAX", MAX))
        }
        tile = min(self.tiles.numbers, max(16, triton.next_power_of_2(pixels)))
        return {
            "K": self.pools.k,
            **places,
            "MOMENTS": self.moments,
            "BP": tile,
            "num_warps": self.tiles.warps,
            **FUSION,
        }


def pool(x: Tensor, run: Run) -> Result:
    """x (B, C, H, W) -> y (B, pools * C, H', W'), before any normalisation, and its moments where they are asked."""
    found: tuple[Tensor, Tensor, Tensor] = _Pool.apply(x, run)  # type: ignore[no-untyped-call]
    return Result(*found)


def in_torch(x: Tensor, run: Run) -> Result:
    """The same in torch's own operations."""
    return with_moments(torch.cat(pooled(run.pools, x), 1), run.moments)


class _Pool(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, run: Run) -> tuple[Tensor, Tensor, Tensor]:
        x = dense(x)
        batch, channels, height, width = x.shape
        count, stride = len(run.pools.kinds), run.pools.stride
        rows, columns = ((side - 1) // step + 1 for side, step in zip((height, width), stride, strict=True))
        pixels, wide = rows * columns, count * channels
        constants = run.constants(pixels)
        y = x.new_empty((batch, wide, rows, columns))
        taps = x.new_empty(
            (batch, channels, rows, columns) if constants["MAX"] >= 0 else (1,), dtype=torch.int8
        )
        parts = x.new_empty((2, batch, wide), dtype=torch.float32)
        made = x.new_empty if run.moments else x.new_zeros
        kept = made((2, wide), dtype=torch.float32)
        with on(x):
            kernels.forward[(batch * channels,)](
                x, y, taps, parts[0], parts[1],
                x.stride(0), channels, height, width, rows, columns, *stride, **constants,
            )  # fmt: skip
            if run.moments:
                sums.moments[(triton.cdiv(wide, 16),)](
                    parts[0], parts[1], kept[0], kept[1], batch, 1, pixels, constants["BP"],
                    float(batch * pixels), wide, BR=256, BC=16, num_warps=8, **FUSION,
                )  # fmt: skip
        ctx.run = run
        ctx.save_for_backward(x, y, taps, kept[0])
        return y, kept[0], kept[1]

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, None]:
        x, y, taps, mean = ctx.saved_tensors
        run: Run = ctx.run
        if torch.is_grad_enabled():  # a graph of the backward pass is asked for
            with torch.autocast(x.device.type, enabled=False):
                pairs = zip(in_torch(x, run), gradients, strict=True)
                outputs, along = zip(*(pair for pair in pairs if pair[0].requires_grad), strict=True)
                return torch.autograd.grad(outputs, x, along, create_graph=True)[0], None
        of_y, of_mean, of_variance = dense(gradients[0]), gradients[1].contiguous(), gradients[2].contiguous()
        batch, channels, height, width = x.shape
        rows, columns = y.shape[2:]
        of_x = x.new_empty(x.shape)
        constants = run.constants(height * width)
        kernels.inputs[(batch * channels, triton.cdiv(height * width, constants["BP"]))](
            y, of_y, taps, mean, of_mean, of_variance, of_x,
            of_y.stride(0), channels, height, width, rows, columns, *run.pools.stride, float(batch * rows * columns),
            **constants,
        )  # fmt: skip
        return of_x, None
