"""Separable convolutions: stages of [ReLU] > depthwise > pointwise > batch norm, several side by side, in torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase

from dartsl.nn import fused, fused_stack
from dartsl.nn.norms import NONE, batch_norm, own, reads
from dartsl.nn.passing import Pass

Pair = tuple[int, int]
# (ReLU, kernel, stride, padding, dilation, output channels of a member); a row of the attribute `stages`.
Row = tuple[bool, Pair, Pair, Pair, Pair, int]


@dataclass(frozen=True)
class Weights:
    """What one stage reads, of all members side by side: kernels (members * C, 1, k, l) and (members * O, C, 1, 1),
    gain and bias (members * O,) after the batch norm, or None."""

    depth: Tensor
    point: Tensor
    gain: Tensor | None
    bias: Tensor | None


@dataclass(frozen=True)
class Chain:
    """What is done, weights apart. norms: the batch norms of all members, of each stage."""

    stages: tuple[Row, ...]
    sources: tuple[int, ...]
    norms: tuple[tuple[_NormBase, ...], ...]


def composed(chain: Chain, x: Tensor, weights: Sequence[Weights], pass_: Pass) -> Tensor:
    """A chain in torch's own operations."""
    sources: tuple[int, ...] = chain.sources
    members = len(sources)
    for row, weight, norms in zip(chain.stages, weights, chain.norms, strict=True):
        relu, _, stride, padding, dilation, _ = row
        x = _beside(torch.relu(x) if relu else x, sources)
        x = fused.convolution(x, weight.depth, stride, padding, dilation, x.shape[1])
        x = fused.convolution(x, weight.point, (1, 1), (0, 0), (1, 1), members)
        x = _normalised(x, norms, weight, pass_)
        sources = tuple(range(members))
    return x


def _beside(x: Tensor, sources: Sequence[int]) -> Tensor:
    """The blocks of x that members read, side by side."""
    blocks = max(sources) + 1
    if tuple(sources) == tuple(range(blocks)):
        return x
    parts = torch.split(x, x.shape[1] // blocks, 1)
    return torch.cat([parts[source] for source in sources], 1)


def _normalised(x: Tensor, norms: Sequence[_NormBase], weights: Weights, pass_: Pass) -> Tensor:
    if len(norms) > 1:
        return fused_stack.normalise(x, norms, weights.gain, pass_, weights.bias)
    held = own(norms[0]) if reads(norms[0], pass_) else NONE
    return batch_norm(norms[0], x, weights.gain, weights.bias, held, pass_)
