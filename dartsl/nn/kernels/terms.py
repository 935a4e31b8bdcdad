"""Sums of normalised terms by the kernels of `sums.py`, as a function that torch differentiates."""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor
from torch.autograd import Function

from dartsl.nn.kernels import sums
from dartsl.nn.kernels.stage import FUSION, Norm, dense

TILE = 1024  # pixels of a tile, at most


def add_terms(x: Tensor, norm: Norm, terms: int) -> Tensor:
    """x (B, terms * C, H, W), normalised, to the sum of its terms (B, C, H, W), in its type."""
    found: Tensor = _Terms.apply(x, *norm, terms)  # type: ignore[no-untyped-call]
    return found


def in_torch(x: Tensor, norm: Norm, terms: int) -> Tensor:
    """The same in torch's own operations."""
    mean, scale, offset = (each.view(-1, 1, 1) for each in norm)
    parts = torch.stack(torch.chunk((x - mean) * scale + offset, terms, 1))  # (terms, B, C, H, W)
    return parts.sum(0).to(x.dtype)


class _Terms(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, mean: Tensor, scale: Tensor, offset: Tensor, terms: int) -> Tensor:
        x = dense(x)
        batch, wide, height, width = x.shape
        channels = wide // terms
        y = x.new_empty((batch, channels, height, width))
        ctx.terms, ctx.tile = terms, min(TILE, triton.next_power_of_2(height * width))
        ctx.save_for_backward(x, mean, scale, offset)
        grid = (batch * channels, triton.cdiv(height * width, ctx.tile))
        sums.add_terms[grid](
            x, mean, scale, offset, y, x.stride(0), height * width, channels, terms, BP=ctx.tile, **FUSION
        )
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        x, mean, scale, offset = ctx.saved_tensors
        if torch.is_grad_enabled():
            leaves = (x, mean, scale, offset)
            places = [place for place, wanted in enumerate(ctx.needs_input_grad[:4]) if wanted]
            result = in_torch(x, Norm(mean, scale, offset), ctx.terms)
            found = torch.autograd.grad(result, [leaves[p] for p in places], gradients, create_graph=True)
            by_place = dict(zip(places, found, strict=True))
            return tuple(by_place.get(place) for place in range(5))
        batch, wide, height, width = x.shape
        channels = wide // ctx.terms
        given = dense(gradients[0])
        of_x = x.new_empty(x.shape)
        totals = x.new_empty((batch, channels), dtype=torch.float32)
        products = x.new_empty((batch, wide), dtype=torch.float32)
        sums.split_terms[(batch * channels,)](
            x, mean, scale, given, of_x, totals, products, x.stride(0), given.stride(0), height * width, channels,
            ctx.terms, BP=ctx.tile, **FUSION,
        )  # fmt: skip
        of_offset = totals.sum(0).repeat(ctx.terms)  # (wide,)
        return of_x, -scale * of_offset, products.sum(0), of_offset, None
