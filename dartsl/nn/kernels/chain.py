"""Separable convolutions (`dartsl.nn.separable`) by kernels: a stage normalises what the one before it gave.

Between two stages nothing is written but the result of the pointwise convolution; batch norms are a few numbers a
channel, which the next stage applies as it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase

from dartsl.nn import packing
from dartsl.nn.kernels.scales import Moving, scaled
from dartsl.nn.kernels.stage import Geometry, Norm, Result, Run, Tiles, stage
from dartsl.nn.kernels.terms import Part, add_terms
from dartsl.nn.norms import counted, reads
from dartsl.nn.passing import Pass
from dartsl.nn.separable import Chain, Weights

# Cuts that are tried: the numbers of a tile, and its warps. More numbers a thread than 16 spill (seen in what Triton
# 3.9 compiles for compute capability 9.0).
TILES = (Tiles(1024, 4), Tiles(2048, 8))


@dataclass(frozen=True)
class Kernels:
    """What computes chains in tiles, with results of a type and products of a precision (as Triton names them)."""

    tiles: Tiles
    dtype: torch.dtype
    precision: str

    def __call__(self, chain: Chain, x: Tensor, weights: Sequence[Weights], pass_: Pass) -> Tensor:
        """What a chain gives."""
        return add_terms([self.part(chain, x, weights, pass_, 1)])

    def part(self, chain: Chain, x: Tensor, weights: Sequence[Weights], pass_: Pass, terms: int) -> Part:
        """The same before its last batch norm, as so many terms of a sum."""
        norm, sources = None, chain.sources
        for row, weight, norms in zip(chain.stages, weights, chain.norms, strict=True):
            relu, kernel, stride, padding, dilation, _ = row
            geometry = Geometry(kernel, stride, padding, dilation, relu, sources)
            batch = norms[0].training or not reads(norms[0], pass_)
            how = Run(geometry, self.tiles, self.dtype, self.precision, batch)
            result = stage(x, norm, weight.depth, weight.point, how)
            norm = _norm(result, norms, weight, batch, pass_)
            x, sources = result.y, tuple(range(len(sources)))
        if norm is None:
            raise ValueError("a chain without a stage")
        return Part(x, norm, terms)


def _norm(result: Result, norms: Sequence[_NormBase], weights: Weights, batch: bool, pass_: Pass) -> Norm:
    """The batch norms of a stage as one normalisation; running statistics move."""
    mean, variance, moving = result.mean, result.variance, None
    if not batch:
        mean, variance = packing.statistics(norms)
    elif reads(norms[0], pass_) and not pass_.again:
        moving = Moving.of(norms, mean, result.y.numel() // result.y.shape[1])
        if moving is None:
            _move(result, norms)
    scale = scaled(variance, weights.gain, norms[0].eps, moving)
    return Norm(mean, scale, zeros(mean.shape[0], mean.device) if weights.bias is None else weights.bias)


@torch.no_grad()
def _move(result: Result, norms: Sequence[_NormBase]) -> None:
    """Running statistics towards those of a batch, as torch's batch norm moves them: by the corrected variance."""
    pixels = result.y.numel() / result.y.shape[1]
    variance = result.variance * (pixels / (pixels - 1))
    momentum = counted(norms[0], norms[0].num_batches_tracked)
    packing.counted(norms[1:])
    size = norms[0].num_features
    packing.approached(norms, torch.split(result.mean, size), torch.split(variance, size), momentum)


@cache
def zeros(count: int, device: torch.device) -> Tensor:
    """Of float32, once: a CUDA graph reads them where they lie."""
    with torch.inference_mode(False):  # autograd takes no other kind, and this one stays
        return torch.zeros(count, device=device)
