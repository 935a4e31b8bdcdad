"""Pools of one source, each followed by a batch norm without parameters of its own, in torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase

from dartsl.nn import fused
from dartsl.nn.builders import BUILDERS, Call, Function
from dartsl.nn.passing import Pass

Pair = tuple[int, int]


@dataclass(frozen=True)
class Pools:
    """What is done. kinds: the primitives, as their records name them; norms: the batch norms after each of them, of
    which the first stands for the others."""

    kinds: tuple[str, ...]
    k: int
    stride: Pair
    norms: tuple[tuple[_NormBase, ...], ...]


def composed(pools: Pools, x: Tensor, gain: Tensor | None, pass_: Pass) -> tuple[Tensor, ...]:
    """x (B, C, H, W) -> of each pool (B, C, H', W'), normalised, times its part of gain (pools * C,)."""
    found = pooled(pools, x)
    parts: Sequence[Tensor | None] = [None] * len(found) if gain is None else gain.chunk(len(found))
    three = zip(found, pools.norms, parts, strict=True)
    return tuple(fused.normalise(each, norms, part, pass_) for each, norms, part in three)


def pooled(pools: Pools, x: Tensor) -> tuple[Tensor, ...]:
    """The pools alone."""
    return tuple(_function(kind)(x, k=pools.k, stride=pools.stride) for kind in pools.kinds)


def _function(kind: str) -> Call:
    found = BUILDERS[kind]
    if not isinstance(found, Function):
        raise TypeError(f"a pool {kind} is no function")
    return found.call
