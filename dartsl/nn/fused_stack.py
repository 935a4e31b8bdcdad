"""Several applications side by side, as channels of one tensor (dartsl/graph/passes/stack.py).

The functions follow the conventions of `dartsl.nn.fused`. Convolutions side by side are `fused.convolution`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from dartsl.nn import packing
from dartsl.nn.fused import norms
from dartsl.nn.norms import NONE, batch_norm, reads
from dartsl.nn.passing import Pass
from dartsl.nn.running import together


def repeat(x: Tensor, times: int) -> Tensor:
    """(B, C, H, W) -> (B, times * C, H, W): the image as often as that."""
    # Not by `expand`: this copies whole rows, and adds views up for the gradient, 2 to 9 times as fast as a reduction.
    return torch.cat([x] * times, 1)


def split(x: Tensor, sizes: Sequence[int]) -> tuple[Tensor, ...]:
    """The channels of images, or of vectors (.., C), in parts of these widths."""
    return torch.split_with_sizes(x, list(sizes), 1 if x.dim() == 4 else -1)


def piece(parts: Sequence[Tensor], index: int) -> Tensor:
    """One of the parts of a `split`, or of the results of a `blend` or of pools."""
    return parts[index]


def bn_stack(x: Tensor, state: Sequence[nn.Module], pass_: Pass) -> Tensor:
    """Batch norms without affine, each for its share of the channels."""
    return normalise(x, norms(state), None, pass_)


def scaled_bn_stack(x: Tensor, state: Sequence[nn.Module], gain: Tensor, pass_: Pass) -> Tensor:
    """Such batch norms, each times a mixing weight, which `gain` has for each channel."""
    return normalise(x, norms(state), gain, pass_)


def normalise(
    x: Tensor, modules: Sequence[_NormBase], weight: Tensor | None, pass_: Pass, bias: Tensor | None = None
) -> Tensor:
    """One batch norm over all channels; it moves the running statistics of all modules, which are set alike."""
    first = modules[0]
    if not reads(first, pass_):
        return batch_norm(first, x, weight, bias, NONE, pass_)
    if first.training and (known := together(modules)) is not None:
        return batch_norm(first, x, weight, bias, known.moving, pass_)
    mean, variance = packing.statistics(modules)
    result = batch_norm(first, x, weight, bias, (mean, variance, first.num_batches_tracked), pass_)
    if first.training and not pass_.again:
        size = first.num_features
        packing.moved(modules, torch.split(mean, size), torch.split(variance, size))
        packing.counted(modules[1:])
    return result


# Kind -> the function.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "repeat": repeat,
    "split": split,
    "piece": piece,
    "bn_stack": bn_stack,
    "scaled_bn_stack": scaled_bn_stack,
}
