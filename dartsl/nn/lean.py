"""A convolution that keeps its input only where the gradient of its weight may be asked for.

torch's own keeps it always. In a pass for the alphas the weights are constant, and the inputs of convolutions are a
quarter of what the pass would hold: let go at once, their memory is still in the cache when the next results need some.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F

Pair = tuple[int, int]


def conv2d(x: Tensor, weight: Tensor, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Tensor:
    """torch's conv2d, without bias: (B, C, H, W) -> (B, C', H', W')."""
    if weight.requires_grad or not x.requires_grad or not _may_hook():
        return F.conv2d(x, weight, None, stride, padding, dilation, groups)
    with saved_tensors_hooks(_let_go, _blank):
        return F.conv2d(x, weight, None, stride, padding, dilation, groups)


def _may_hook() -> bool:
    """Not while a graph is recorded, nor within torch.func's transforms."""
    autograd: Any = torch._C._autograd  # torch leaves it without types
    return not torch.compiler.is_compiling() and bool(autograd._saved_tensors_hooks_is_enabled())


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the gradient of a convolution's input reads of the input."""

    size: torch.Size
    dtype: torch.dtype
    device: torch.device
    format: torch.memory_format


def _let_go(saved: Tensor) -> Tensor | _Shape:
    """A shape in place of the input, which alone has a gradient; the weight itself."""
    if not saved.requires_grad:
        return saved
    last = saved.stride(1) == 1
    format = torch.channels_last if last else torch.contiguous_format
    return _Shape(saved.shape, saved.dtype, saved.device, format)


def _blank(kept: Tensor | _Shape) -> Tensor:
    """The weight, or an input whose numbers are whatever lies there: none of them is read."""
    if isinstance(kept, Tensor):
        return kept
    return torch.empty(kept.size, dtype=kept.dtype, device=kept.device, memory_format=kept.format)
