"""Sums of normalised terms by the kernels of `sums.py`, as a function that torch differentiates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor
from torch.autograd import Function

from dartsl.nn.kernels import sums
from dartsl.nn.kernels.stage import FUSION, Norm, dense, gathered, on

TILE = 1024  # pixels of a tile, at most
TENSORS = 4  # of a part


class Part(NamedTuple):
    """Some terms of a sum: x (B, terms * C, H, W), and how it is normalised."""

    x: Tensor
    norm: Norm
    terms: int


def add_terms(parts: Sequence[Part]) -> Tensor:
    """The sum of all terms of all parts, normalised: (B, C, H, W), in the type of the first x."""
    tensors = [each for part in parts for each in (part.x, *part.norm)]
    found: Tensor = _Terms.apply(tuple(part.terms for part in parts), *tensors)  # type: ignore[no-untyped-call]
    return found


def in_torch(parts: Sequence[Part]) -> Tensor:
    """The same in torch's own operations."""
    terms: list[Tensor] = []
    for x, norm, count in parts:
        mean, scale, offset = (each.view(-1, 1, 1) for each in norm)
        terms += torch.chunk((x - mean) * scale + offset, count, 1)
    return torch.stack(terms).sum(0).to(parts[0].x.dtype)


def _parts(counts: Sequence[int], tensors: Sequence[Tensor]) -> Iterator[Part]:
    for place, terms in enumerate(counts):
        x, *norm = tensors[TENSORS * place : TENSORS * (place + 1)]
        yield Part(x, Norm(*norm), terms)


class _Terms(Function):
    @staticmethod
    def forward(ctx: Any, counts: tuple[int, ...], *tensors: Tensor) -> Tensor:
        parts = [part._replace(x=dense(part.x)) for part in _parts(counts, tensors)]
        batch, wide, height, width = parts[0].x.shape
        channels, pixels = wide // counts[0], height * width
        y = parts[0].x.new_empty((batch, channels, height, width))
        ctx.counts, ctx.tile = counts, min(TILE, triton.next_power_of_2(pixels))
        ctx.save_for_backward(*(each for part in parts for each in (part.x, *part.norm)))
        grid = (batch * channels, triton.cdiv(pixels, ctx.tile))
        with on(y):
            for place, (x, norm, terms) in enumerate(parts):
                three = tuple(each.contiguous() for each in norm)
                more = {"ADD": place > 0, "BP": ctx.tile, **FUSION}
                sums.add_terms[grid](x, *three, y, x.stride(0), pixels, channels, terms, **more)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        leaves = ctx.saved_tensors
        parts = list(_parts(ctx.counts, leaves))
        if torch.is_grad_enabled():
            places = [place for place, wanted in enumerate(ctx.needs_input_grad[1:]) if wanted]
            asked = [leaves[place] for place in places]
            found = torch.autograd.grad(in_torch(parts), asked, gradients, create_graph=True)
            by_place = dict(zip(places, found, strict=True))
            return None, *(by_place.get(place) for place in range(len(leaves)))
        given = dense(gradients[0])
        return None, *(each for part in parts for each in _backward(part, given, ctx.tile))


def _backward(part: Part, given: Tensor, tile: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gradients of the tensors of a part from that of the sum."""
    x, norm, terms = part
    batch, wide, height, width = x.shape
    channels = wide // terms
    of_x = x.new_empty(x.shape)
    totals = x.new_empty((batch, channels), dtype=torch.float32)
    products = x.new_empty((batch, wide), dtype=torch.float32)
    sums.split_terms[(batch * channels,)](
        x, norm.mean.contiguous(), norm.scale.contiguous(), given, of_x, totals, products, x.stride(0),
        given.stride(0), height * width, channels, terms, BP=tile, **FUSION,
    )  # fmt: skip
    return of_x, *gathered(totals, products, norm.scale, terms)
