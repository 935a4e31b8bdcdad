"""Depthwise convolution whose weight gradient stays on the library's fast kernels.

The CPU library has a depthwise kernel for the gradient of the weight up to 3 columns; from 5 on it falls back to one
for dense convolutions, ten times slower (5 x 5: 0.2 and 2.2 ms for 16 x 16 x 32 x 32 numbers). Columns of a kernel are
independent, so that the gradient is taken for at most 3 at a time.

CUDA's library takes 200 us for that gradient of 64 x 80 x 32 x 32 numbers and a 5 x 5 kernel, and 46 where channels
lie together (H200, torch 2.11), so that images are laid out for it. All else is faster as it is.

Everything else is torch's own. The backward pass
consists of differentiable operations, and forward mode has its rule, so that double backward and forward over reverse
go through.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

from dartsl.nn.lean import conv2d

Pair = tuple[int, int]

COLUMNS = 3  # that the CPU library's depthwise kernel takes
CHANNELS = 80  # on CUDA: fewer were not measured, nor were strides

_backward = torch.ops.aten.convolution_backward


def depthwise(x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """(B, C, H, W) with (C, 1, k, l) -> (B, C, H', W'): torch's conv2d with C groups."""
    kind = x.device.type
    known = kind in ("cpu", "meta") or (
        kind == "cuda" and x.shape[1] >= CHANNELS and stride == (1, 1) and x.dtype == torch.float32
    )
    plain = weight.shape[3] <= COLUMNS or not known or not weight.requires_grad
    if plain or (kind != "meta" and torch.is_autocast_enabled(kind)):
        return conv2d(x, weight, stride, padding, (1, 1), x.shape[1])
    result: Tensor = _Depthwise.apply(x, weight, stride, padding)  # type: ignore[no-untyped-call]
    return result


class _Depthwise(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
        # Without `setup_context`, for which torch inspects a signature at each call.
        ctx.stride, ctx.padding = stride, padding
        ctx.save_for_backward(x, weight)
        ctx.save_for_forward(x, weight)
        return F.conv2d(x, weight, None, stride, padding, 1, x.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        given = found = None
        if ctx.needs_input_grad[0]:
            geometry = (ctx.stride, ctx.padding, (1, 1), False, (0, 0), x.shape[1])
            given = _backward(gradient, x, weight, None, *geometry, (True, False, False))[0]
        if ctx.needs_input_grad[1]:
            way = _together_gradient if x.is_cuda else _weight_gradient
            found = way(gradient, x, weight, ctx.stride, ctx.padding)
        return given, found, None, None

    @staticmethod
    def jvp(ctx: FunctionCtx, *tangents: Any) -> Tensor:
        along_x, along_weight = tangents[:2]
        x, weight = ctx.saved_tensors  # type: ignore[attr-defined]
        stride, padding = ctx.stride, ctx.padding  # type: ignore[attr-defined]
        terms = []
        if along_x is not None:
            terms.append(F.conv2d(along_x, weight, None, stride, padding, 1, x.shape[1]))
        if along_weight is not None:
            terms.append(F.conv2d(x, along_weight, None, stride, padding, 1, x.shape[1]))
        return terms[0] if len(terms) == 1 else terms[0] + terms[1]


def _together_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """The gradient of the weight from images whose channels lie together."""
    gradient, x = (each.contiguous(memory_format=torch.channels_last) for each in (gradient, x))
    geometry = (stride, padding, (1, 1), False, (0, 0), x.shape[1])
    found: Tensor = _backward(gradient, x, weight, None, *geometry, (False, True, False))[1]
    return found.contiguous()  # as the weight lies


def _weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """The gradient of the weight, a few columns at a time.

    Column s + t of the kernel reads x at stride * j - padding + s + t for output column j: so does column t of a narrow
    kernel, without padding, on x moved by s - padding.
    """
    parts: list[Tensor] = []
    if x.shape[2] < weight.shape[2]:  # the library's kernel takes no image with fewer rows than the kernel
        x, padding = F.pad(x, (0, 0, padding[0], padding[0])), (0, padding[1])
    geometry = (stride, (padding[0], 0), (1, 1), False, (0, 0), x.shape[1])
    for start, moved in _moved(x, weight.shape[3], gradient.shape[3], stride[1], padding[1]):
        part = weight[:, :, :, :COLUMNS]  # its shape counts, not its values
        found = _backward(gradient, moved, part, None, *geometry, (False, True, False))[1]
        parts.append(found[:, :, :, len(parts) * COLUMNS - start :])
    return torch.cat(parts, dim=3)


def _moved(x: Tensor, columns: int, outputs: int, stride: int, padding: int) -> Iterator[tuple[int, Tensor]]:
    """For every few columns of a kernel the first one, and x as these columns read it.

    The last few may lie over the ones before them. Where it can be, all are views of one padded copy: zeros at the left
    end of a row, channels_last, are those at the right end of the row before it.
    """
    starts = [min(start, columns - COLUMNS) for start in range(0, columns, COLUMNS)]
    batch, channels, height, width = x.shape
    span = stride * (outputs - 1) + COLUMNS  # columns that are read; up to stride - 1 more change nothing
    pitch = max(span, width + padding)
    inside = columns - COLUMNS <= width + padding  # the last columns of the last row end within that image
    if inside and pitch < span + stride and x.is_contiguous(memory_format=torch.channels_last):
        left = pitch - width
        copy = F.pad(x, (left, 0, 0, 0, 0, 0, 0, 1))  # the last row's right end lies in one more image
        copy = copy.contiguous(memory_format=torch.channels_last)  # which a padded 1 x 1 image may not be
        row = pitch * channels
        strides = (height * row, 1, row, channels)
        for start in starts:
            offset = (left - padding + start) * channels
            yield start, copy.as_strided((batch, channels, height, pitch), strides, offset)
    else:
        right = max(starts[-1] + span - padding - width, 0)
        wide = F.pad(x, (padding, right))  # no side is cut: torch refuses to cut more than there is
        for start in starts:
            yield start, wide.narrow(3, start, span)  # (B, C, H, span)
