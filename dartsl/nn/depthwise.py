"""Depthwise convolution whose weight gradient stays on the library's fast kernels.

The CPU library has a depthwise kernel for the gradient of the weight up to 3 columns; from 5 on it falls back to one
for dense convolutions, ten times slower (5 x 5: 0.2 and 2.2 ms for 16 x 16 x 32 x 32 numbers). Columns of a kernel are
independent, so that the gradient is taken for at most 3 at a time. Everything else is torch's own. The backward pass
consists of differentiable operations, and forward mode has its rule, so that double backward and forward over reverse
go through.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

Pair = tuple[int, int]

COLUMNS = 3  # that the library's depthwise kernel takes

_backward = torch.ops.aten.convolution_backward


def depthwise(x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """(B, C, H, W) with (C, 1, k, l) -> (B, C, H', W'): torch's conv2d with C groups."""
    kind = x.device.type
    plain = weight.shape[3] <= COLUMNS or kind not in ("cpu", "meta")
    if plain or (kind != "meta" and torch.is_autocast_enabled(kind)):
        return F.conv2d(x, weight, None, stride, padding, 1, x.shape[1])
    result: Tensor = _Depthwise.apply(x, weight, stride, padding)  # type: ignore[no-untyped-call]
    return result


class _Depthwise(Function):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
        return F.conv2d(x, weight, None, stride, padding, 1, x.shape[1])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Pair, Pair], output: Tensor) -> None:
        x, weight, ctx.stride, ctx.padding = inputs
        ctx.save_for_backward(x, weight)
        ctx.save_for_forward(x, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        given = found = None
        if ctx.needs_input_grad[0]:
            geometry = (ctx.stride, ctx.padding, (1, 1), False, (0, 0), x.shape[1])
            given = _backward(gradient, x, weight, None, *geometry, (True, False, False))[0]
        if ctx.needs_input_grad[1]:
            found = _weight_gradient(gradient, x, weight, ctx.stride, ctx.padding)
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


def _weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """The gradient of the weight, a few columns at a time.

    Column s + t of the kernel reads x at stride * j - padding + s + t for output column j: so does column t of a narrow
    kernel, without padding, on x moved by s - padding.
    """
    columns, span = weight.shape[3], stride[1] * (gradient.shape[3] - 1) + COLUMNS
    parts = []
    for start in range(0, columns, COLUMNS):
        first = min(start, columns - COLUMNS)  # the last part may lie over the one before it
        left = padding[1] - first
        moved = F.pad(x, (left, span - x.shape[3] - left))
        geometry = (stride, (padding[0], 0), (1, 1), False, (0, 0), x.shape[1])
        part = weight[:, :, :, first : first + COLUMNS]
        found = _backward(gradient, moved, part, None, *geometry, (False, True, False))[1]
        parts.append(found[:, :, :, start - first :])
    return torch.cat(parts, dim=3)
