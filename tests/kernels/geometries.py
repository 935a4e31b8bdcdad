"""Stages of many geometries on small numbers, and how far two ways of computing them are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dartsl.nn.kernels.stage import Geometry, Norm, Run, Tiles, in_torch, stage

Pair = tuple[int, int]


@dataclass(frozen=True)
class Stage:
    """One stage: sizes, what is in it, and its types."""

    sources: tuple[int, ...] = (0,)
    channels: int = 3
    width: int = 3
    image: Pair = (4, 5)
    batch: int = 1
    kernel: Pair = (3, 3)
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Pair | None = None  # None: that which keeps the size at stride 1
    norm: bool = False
    relu: bool = True
    point: bool = True
    moments: bool = True
    constant: bool = False  # of the kernels' weights, as in a pass for the alphas
    numbers: int = 512

    def run(self, dtype: torch.dtype) -> Run:
        kept = [(k - 1) // 2 * wide for k, wide in zip(self.kernel, self.dilation, strict=True)]
        padding = self.padding or (kept[0], kept[1])
        geometry = Geometry(self.kernel, self.stride, padding, self.dilation, self.relu, self.sources)
        return Run(geometry, Tiles(self.numbers, 4), dtype, "ieee", self.moments)

    def numbers_of(self) -> list[Tensor | None]:
        """Input, normalisation and weights, in float64 and exact in bfloat16: all ways start from the same."""
        draw = torch.Generator().manual_seed(3)

        def drawn(*shape: int) -> Tensor:
            made = torch.randn(shape, generator=draw, dtype=torch.float64)
            return made.bfloat16().double()

        blocks, members = max(self.sources) + 1, len(self.sources)
        wide = blocks * self.channels
        x = drawn(self.batch, wide, *self.image) + 0.5
        norm = [drawn(wide), drawn(wide).abs() + 0.5, drawn(wide)] if self.norm else [None] * 3
        depth = drawn(members * self.channels, 1, *self.kernel)
        point = drawn(members * self.width, self.channels, 1, 1) if self.point else None
        return [x, *norm, depth, point]


def results(case: Stage, dtype: torch.dtype, kernels: bool) -> list[Tensor]:
    """Output, moments and all gradients of a stage."""
    given = case.numbers_of()
    wide = torch.float32 if dtype == torch.bfloat16 else dtype
    leaves = [None if each is None else each.to(wide) for each in given]
    leaves[0] = leaves[0].to(dtype)
    wanted = [
        leaf.requires_grad_()
        for place, leaf in enumerate(leaves)
        if leaf is not None and not (case.constant and place >= 4)
    ]
    x, mean, scale, offset, depth, point = leaves
    norm = None if mean is None else Norm(mean, scale, offset)
    found = (stage if kernels else in_torch)(x, norm, depth, point, case.run(dtype))
    along = directions(found)
    asked = found if case.moments else found[:1]
    gradients = torch.autograd.grad(asked, wanted, along[: len(asked)])
    return [*(each.detach() for each in asked), *gradients]


def directions(found: Sequence[Tensor]) -> list[Tensor]:
    draw = torch.Generator().manual_seed(4)
    drawn = [torch.randn(each.shape, generator=draw, dtype=torch.float64) for each in found]
    return [each.bfloat16().to(like.dtype) for each, like in zip(drawn, found, strict=True)]


def apart(ours: Sequence[Tensor], truth: Sequence[Tensor]) -> list[float]:
    """The largest differences, relative to the largest number of each tensor."""
    pairs = zip(ours, truth, strict=True)
    return [float((a.double() - b).abs().max() / b.abs().max().clamp(min=1e-3)) for a, b in pairs]
