"""What the kinds that only passes make compute (dartsl/graph/kinds.py), in torch.

A function takes the values of its inputs, then by keyword the attributes of the application (`table` apart), the
modules of its state as `state`, in order of their paths, and the mixing weights of its table, one by one, as `weights`.
What several applications need side by side (`weight`, `gain`) comes from dartsl/nn/packing.py. Plain torch, or
Functions with rules of both modes: double backward, forward-mode differentiation and functional_call go through. A
fused batch norm takes the pass as `pass_`, and honours its modules' `training`, `track_running_stats` and `momentum`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.modules.batchnorm import _NormBase

from dartsl.nn import packing
from dartsl.nn.depthwise import depthwise
from dartsl.nn.lean import conv2d
from dartsl.nn.norms import NONE, batch_norm, own, reads
from dartsl.nn.packing import Weights
from dartsl.nn.passing import Pass
from dartsl.nn.primitives import total
from dartsl.nn.running import together

Pair = tuple[int, int]
Entry = tuple[int, int] | tuple[()]

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


# ------------------------------------------------------------- where data lies


def layout(x: Tensor, format: str) -> Tensor:
    """The same images in another order in memory, which what follows keeps."""
    return x.contiguous(memory_format=FORMATS[format])


def subsample(x: Tensor, stride: Pair) -> Tensor:
    """Every stride-th pixel from the first: (B, C, H, W) -> (B, C, ceil(H / down), ceil(W / across))."""
    # The mean of one pixel: a copy in the layout of x, where slices would be copied by each reader.
    return F.avg_pool2d(x, 1, stride)


def window_pool(x: Tensor, kernel: Pair, stride: Pair) -> Tensor:
    """Means over windows, without padding: (B, C, H, W) -> (B, C, (H - down) // stride + 1, ...)."""
    return F.avg_pool2d(x, kernel, stride)


def space_to_batch(x: Tensor, factor: Pair) -> Tensor:
    """The phases of each image as images: (B, C, H, W) -> (down * across * B, C, H / down, W / across).

    Phase-major, and channels_last in memory.
    """
    down, across = factor
    batch, channels, height, width = x.shape
    y = x.permute(0, 2, 3, 1).reshape(batch, height // down, down, width // across, across, channels)
    y = y.permute(2, 4, 0, 1, 3, 5)  # (down, across, B, H / down, W / across, C)
    return y.reshape(-1, height // down, width // across, channels).permute(0, 3, 1, 2)


def batch_to_space(x: Tensor, factor: Pair) -> Tensor:
    """The inverse of `space_to_batch`."""
    down, across = factor
    phases, channels, height, width = x.shape
    batch = phases // (down * across)
    y = x.permute(0, 2, 3, 1).reshape(down, across, batch, height, width, channels)
    y = y.permute(2, 3, 0, 4, 1, 5)  # (B, H, down, W, across, C)
    return y.reshape(batch, height * down, width * across, channels).permute(0, 3, 1, 2)


def side_by_side(*inputs: Tensor) -> Tensor:
    """The merge `concat` of images of one size, channels_last: (B, C, H, W) each -> (B, sum of all C, H, W)."""
    if torch.compiler.is_compiling():
        return torch.cat(inputs, dim=1)
    result: Tensor = _SideBySide.apply(*inputs)  # type: ignore[no-untyped-call]
    return result


class _SideBySide(Function):
    """A concatenation that hands back the parts of its gradient as images of their own, not as views of one.

    On views torch's batch norm takes several times as long, and a sum hands its gradient to every batch norm in it.
    """

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        ctx.widths = [x.shape[1] for x in inputs]
        return torch.cat(inputs, dim=1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        (gradient,) = gradients
        parts = torch.split_with_sizes(gradient, ctx.widths, dim=1)
        return tuple(part.contiguous(memory_format=torch.channels_last) for part in parts)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        like = next(tangent for tangent in tangents if tangent is not None)
        batch, _, height, width = like.shape
        parts = [
            like.new_zeros(batch, channels, height, width) if tangent is None else tangent
            for tangent, channels in zip(tangents, ctx.widths, strict=True)
        ]
        return torch.cat(parts, dim=1)


# ---------------------------------------------------------------- convolutions


def convolution(
    x: Tensor, weight: Tensor, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
    """A convolution with a module's weight, or several side by side, and another geometry than the modules' own."""
    if groups == x.shape[1] == weight.shape[0] and dilation == (1, 1):
        return depthwise(x, weight, stride, padding)
    return conv2d(x, weight, stride, padding, dilation, groups)


# ----------------------------------------------------------------- batch norms


def shared_bn(x: Tensor, state: Sequence[nn.Module], pass_: Pass) -> Tensor:
    """One batch norm that stands for several equal ones, without affine; their statistics are one."""
    return normalise(x, norms(state), None, pass_)


def scaled_bn(x: Tensor, state: Sequence[nn.Module], gain: Tensor, pass_: Pass) -> Tensor:
    """A batch norm without affine, times a mixing weight, which `gain` (C,) has for each channel."""
    return normalise(x, norms(state), gain, pass_)


def norms(state: Sequence[nn.Module]) -> list[_NormBase]:
    """The modules of a batch norm's state. Raises TypeError for one that is not a batch norm."""
    found = [module for module in state if isinstance(module, _NormBase)]
    if len(found) != len(state):
        raise TypeError(f"batch norms were due, not {state}")
    return found


def normalise(x: Tensor, modules: Sequence[_NormBase], weight: Tensor | None, pass_: Pass) -> Tensor:
    """Batch norm as torch's own module computes it, with a weight from elsewhere; all modules' statistics move.

    The modules are equal and have no parameters of their own.
    """
    first = modules[0]
    if not reads(first, pass_):
        return batch_norm(first, x, weight, None, NONE, pass_)
    several = first.training and len(modules) > 1
    if several and (known := together(modules)) is not None:
        result = batch_norm(first, x, weight, None, known.moving, pass_)
        if not pass_.again:
            known.moved()
        return result
    result = batch_norm(first, x, weight, None, own(first), pass_)
    if several and not pass_.again:
        mean, variance, _ = own(first)
        if mean is not None and variance is not None:
            others = modules[1:]
            packing.moved(others, [mean] * len(others), [variance] * len(others))
            packing.counted(others)
    return result


def relu_in_place(x: Tensor) -> Tensor:
    """A ReLU that writes over its input."""
    return torch.relu_(x)


# ----------------------------------------------------------------------- sums


def combine(*inputs: Tensor, weights: Weights, entries: Sequence[Entry]) -> Tensor:
    """The sum of the inputs, each times the mixing weight at its entry (row, column), or as it is where that is ().

    1 x 1 images are broadcast.
    """
    return total(
        *(x * weights[entry[0]][entry[1]] if entry else x for x, entry in zip(inputs, entries, strict=True))
    )


def blend(
    *inputs: Tensor, weights: Weights, entries: Sequence[Sequence[tuple[int, int]]]
) -> tuple[Tensor, ...]:
    """Several sums of the same n inputs: result r has input i times the mixing weight at entries[r][i].

    Inputs and results are of one shape; the results lie as images of one stack.
    """
    factors = torch.stack([weights[row][column] for result in entries for row, column in result])
    matrix = factors.view(len(entries), len(inputs))  # (results, n)
    stack = torch.cat(inputs)  # (n * B, C, H, W)
    together = stack.dim() == 4 and stack.is_contiguous(memory_format=torch.channels_last)
    stack = stack.permute(0, 2, 3, 1) if together else stack  # as it lies in memory
    mixed = (matrix @ stack.reshape(len(inputs), -1)).view(-1, *stack.shape[1:])  # (results * B, ..)
    return torch.split(mixed.permute(0, 3, 1, 2) if together else mixed, inputs[0].shape[0])


# Kind -> the function.
FUNCTIONS: Mapping[str, Callable[..., Tensor | tuple[Tensor, ...]]] = {
    "layout": layout,
    "relu_in_place": relu_in_place,
    "subsample": subsample,
    "side_by_side": side_by_side,
    "space_to_batch": space_to_batch,
    "batch_to_space": batch_to_space,
    "convolution": convolution,
    "window_pool": window_pool,
    "scaled_bn": scaled_bn,
    "combine": combine,
    "blend": blend,
}
