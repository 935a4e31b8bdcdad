"""Whether pools of one source run through kernels or through torch, by the rules of `choice.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dartsl.nn.kernels import choice
from dartsl.nn.passing import Pass
from dartsl.nn.pools import Pools, composed

if TYPE_CHECKING:
    from dartsl.nn.kernels.pooled import PoolKernels

Way = Callable[[Pools, Tensor, Tensor | None, Pass], tuple[Tensor, ...]]


def chosen(pools: Pools, x: Tensor, gain: Tensor | None, pass_: Pass) -> Way:
    """What computes pools: `composed`, or kernels. Its result does not depend on it but for rounding."""
    found = _kernels_for(pools, x, gain, pass_)
    return composed if found is None else found


def _kernels_for(pools: Pools, x: Tensor, gain: Tensor | None, pass_: Pass) -> PoolKernels | None:
    if not _possible(pools, x, gain, pass_):
        return None
    from dartsl.nn.kernels import measure
    from dartsl.nn.kernels.pooled import TILES, PoolKernels

    if choice.interpreted is not None:
        return PoolKernels(choice.interpreted)
    way = measure.fastest(x.device, _key(pools, x, gain), partial(PoolCase.like, pools, x, gain), "ieee")
    return next((PoolKernels(tiles) for tiles in TILES if measure.named(tiles) == way), None)


def _possible(pools: Pools, x: Tensor, gain: Tensor | None, pass_: Pass) -> bool:
    """Whether kernels can compute pools, in this pass: those that they know, whose batch norms are set alike."""
    if x.dtype not in choice.SHORT or (gain is not None and gain.dtype not in choice.SHORT):
        return False
    if not choice.may_run(x, pass_) or not choice.held(pools.norms) <= {torch.float32}:
        return False
    from dartsl.nn.kernels.pooled import MAX, MEAN, WIDEST

    set_as = {
        (norm.training, norm.eps, norm.momentum, norm.track_running_stats, norm.running_mean is None)
        for norm in (norms[0] for norms in pools.norms)
    }
    pixels = x.shape[0] * prod(
        (side - 1) // step + 1 for side, step in zip(x.shape[2:], pools.stride, strict=True)
    )
    known = set(pools.kinds) <= {MAX, MEAN} and len(set(pools.kinds)) == len(pools.kinds)
    return known and pools.k % 2 == 1 and pools.k <= WIDEST and len(set_as) == 1 and pixels > 1


def _key(pools: Pools, x: Tensor, gain: Tensor | None) -> str:
    """What a choice depends on: all sizes but that of the batch."""
    mode = "train" if pools.norms[0][0].training else "eval"
    sizes, stride = ("x".join(map(str, each)) for each in (x.shape[1:], pools.stride))
    return f"pooled {x.dtype} {mode} {sizes} {'.'.join(pools.kinds)} {pools.k} {stride} {'-' if gain is None else '+'}"


@dataclass(frozen=True)
class PoolCase:
    """Pools on random numbers, for `measure.py`."""

    pools: Pools
    x: Tensor
    gain: Tensor | None
    dtype: torch.dtype

    @classmethod
    def like(cls, pools: Pools, x: Tensor, gain: Tensor | None) -> PoolCase:
        draw = torch.Generator(x.device).manual_seed(0)

        def drawn(tensor: Tensor) -> Tensor:
            made = torch.randn(tensor.shape, generator=draw, device=x.device)
            return made.to(tensor.dtype).requires_grad_()

        return cls(pools, drawn(x), None if gain is None else drawn(gain), x.dtype)

    def wide(self) -> PoolCase:
        x, gain = (
            None if each is None else each.detach().double().requires_grad_() for each in (self.x, self.gain)
        )
        return self if x is None else replace(self, x=x, gain=gain, dtype=torch.float64)

    def ways(self, precision: str) -> tuple[Way, Mapping[str, Way]]:
        from dartsl.nn.kernels.measure import named
        from dartsl.nn.kernels.pooled import TILES, PoolKernels

        return composed, {named(tiles): PoolKernels(tiles) for tiles in TILES}

    def launches(self, way: Way) -> None:
        self.run(way)

    def run(self, way: Way) -> list[Tensor]:
        from dartsl.nn.kernels.measure import with_gradients

        y = torch.cat(way(self.pools, self.x, self.gain, Pass(frozen=True)), 1)
        return with_gradients(y, [each for each in (self.x, self.gain) if each is not None])
