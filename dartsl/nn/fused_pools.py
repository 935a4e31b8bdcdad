"""Pools of one source as one application (dartsl/graph/passes/pools.py).

On CUDA they are own kernels (dartsl/nn/kernels) where these are chosen; else, and everywhere else, torch's own
operations. The functions follow the conventions of `dartsl.nn.fused`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from dartsl.nn import fused
from dartsl.nn.kernels.pool_choice import chosen
from dartsl.nn.passing import Pass
from dartsl.nn.pools import Pair, Pools


def pooled(
    x: Tensor,
    pools: Sequence[tuple[str, int]],
    k: int,
    stride: Pair,
    state: Sequence[nn.Module],
    pass_: Pass,
    gain: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """x (B, C, H, W) -> of each pool (B, C, H', W'), by a batch norm, which stands for as many modules of `state`.

    `gain` (pools * C,) multiplies what the batch norms give.
    """
    norms, start = [], 0
    for _, count in pools:
        norms.append(tuple(fused.norms(state[start : start + count])))
        start += count
    what = Pools(tuple(kind for kind, _ in pools), k, stride, tuple(norms))
    return chosen(what, x, gain, pass_)(what, x, gain, pass_)


def scaled_pooled(
    x: Tensor,
    pools: Sequence[tuple[str, int]],
    k: int,
    stride: Pair,
    state: Sequence[nn.Module],
    gain: Tensor,
    pass_: Pass,
) -> tuple[Tensor, ...]:
    """The same, times a mixing weight, which `gain` has for each channel."""
    return pooled(x, pools, k, stride, state, pass_, gain)


# Kind -> the function.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {"pooled": pooled, "scaled_pooled": scaled_pooled}
