"""1 x 1 convolutions with the batch norm behind them, many at once, without their outputs in between.

For y = P z with z (rows, C) and P (O, C), the mean of y is P mean(z) and its variance the diagonal of P cov(z) P^T. So
batch norm behind a 1 x 1 convolution is a convolution with other weights, diag(gain / deviation) P, and a shift, which
follow from the C x C covariance of z: y is neither written nor kept for the backward pass. Where such outputs are added
up (a node), one batched product adds them. Everything is a batched product over a stack (n, rows, C) of n inputs.

The functions follow the conventions of `dartsl.nn.fused`; `state` holds convolution and batch norm in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _NormBase

from dartsl.nn.fused import Entry, Pair, batch_to_space, norms, weight_of


def conv_bn_stack(*inputs: Tensor, state: Sequence[nn.Module], relu: bool) -> tuple[Tensor, ...]:
    """bn(conv(input)), and its ReLU where asked for, of n inputs of one shape: (B, C, H, W) -> n of (B, O, H, W)."""
    stack = _stacked(inputs)  # (n, rows, C)
    weight, shift = _folded([stack], state[::2], norms(state[1::2]), None)
    result = torch.baddbmm(shift.transpose(1, 2), stack, weight.transpose(1, 2), beta=-1)  # (n, rows, O)
    if relu:
        result = F.relu(result)
    return tuple(_images(piece, inputs[0]) for piece in result.unbind())


def conv_bn_sum(
    *inputs: Tensor,
    state: Sequence[nn.Module],
    weights: Tensor,
    entries: Sequence[Entry],
    phases: int,
    images: int,
    factor: Pair,
) -> Tensor:
    """The sum of bn(conv(input)), times mixing weights, of the first inputs, and of the rest, times mixing weights.

    The first `phases` inputs are phases of images by `factor` (`fused.space_to_batch`), the next `images` are images;
    each has a 1 x 1 convolution C -> C and a batch norm without affine in `state`. Where the rest has an entry, it is
    multiplied by that mixing weight, else added as it is. 1 x 1 images among the rest are broadcast.
    """
    count = phases + images
    stacks = [_stacked(part) for part in (inputs[:phases], inputs[phases:count]) if part]
    gains = _gains(weights, entries[:count])  # (n, 1, 1)
    weight, shift = _folded(stacks, state[::2], norms(state[1::2]), gains)
    factors = torch.split(weight.transpose(1, 2), [len(stack) for stack in stacks])  # (n, C, O)
    base = shift.sum(0).transpose(0, 1)  # (1, O)
    result: Tensor | None = None
    if phases:
        added = torch.addbmm(base, stacks[0], factors[0], beta=-1)  # (rows, O)
        result = batch_to_space(_images(added, inputs[0]), factor)
    if images:
        if result is None:
            added = torch.addbmm(base, stacks[-1], factors[-1], beta=-1)
        else:
            added = torch.addbmm(_rows(result), stacks[-1], factors[-1])
        result = _images(added, inputs[phases])
    if result is None:
        raise ValueError("nothing to convolve")
    return _plus(result, inputs[count:], weights, entries[count:])


def piece(stack: tuple[Tensor, ...], index: int) -> Tensor:
    """One of the results of a stack."""
    return stack[index]


def _plus(result: Tensor, inputs: Sequence[Tensor], weights: Tensor, entries: Sequence[Entry]) -> Tensor:
    """`result` and the inputs, each times the mixing weight at its entry."""
    whole = [
        (x, entry)
        for x, entry in zip(inputs, entries, strict=True)
        if entry and x.shape[2:] == result.shape[2:]
    ]
    if whole:
        stack = torch.stack([_rows(x) for x, _ in whole])  # (k, rows, O)
        gains = _gains(weights, [entry for _, entry in whole]).flatten()  # (k,)
        flat = torch.addmv(_rows(result).flatten(), stack.flatten(1).transpose(0, 1), gains)
        result = _images(flat.view(stack.shape[1:]), result)
    for x, entry in zip(inputs, entries, strict=True):
        if not entry:
            result = result + x
        elif x.shape[2:] != result.shape[2:]:
            result = result + x * weights[entry]
    return result


# ---------------------------------------------------------------- statistics


def _folded(
    stacks: Sequence[Tensor],
    convolutions: Sequence[nn.Module],
    norms: Sequence[_NormBase],
    gains: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """The weights (n, O, C) and the shift (n, O, 1) that convolution, batch norm and gain are together.

    y = weight z - shift, for all n inputs in the stacks (each (part of n, rows, C), all with as many rows). In training
    the running statistics move as torch's own batch norm moves them.
    """
    packed = torch.cat([weight_of(module) for module in convolutions])  # (n * O, C, 1, 1)
    width = packed.shape[0] // len(convolutions)
    kernel = packed.view(len(convolutions), width, -1)  # (n, O, C)
    first = norms[0]
    if not first.training and first.running_mean is not None:
        means = torch.cat([_buffer(norm.running_mean) for norm in norms]).view(-1, width, 1)
        variances = torch.cat([_buffer(norm.running_var) for norm in norms]).view(-1, width, 1)
        scale = _scale(variances, first.eps, gains)
        return kernel * scale, means * scale
    with _full_precision(stacks[0]):
        mean, covariance = _moments(stacks)  # (n, 1, C), (n, C, C)
        kernel = kernel.to(mean.dtype)
        product = torch.bmm(kernel, covariance)  # (n, O, C)
        # Rounding may take a variance of nothing below zero.
        variance = F.relu(
            torch.bmm(product.view(-1, 1, product.shape[2]), kernel.reshape(-1, kernel.shape[2], 1))
        )
        variance = variance.view(len(norms), width, 1)
        scale = _scale(variance, first.eps, gains)
        weight = kernel * scale  # (n, O, C)
        shift = torch.bmm(weight, mean.transpose(1, 2))  # (n, O, 1)
        if first.training and first.track_running_stats:
            rows = stacks[0].shape[1]
            _track(norms, kernel.detach(), mean.detach(), variance.detach(), rows)
    return weight, shift


def _moments(stacks: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean (n, 1, C) and covariance (n, C, C) of the stacks."""
    rows = stacks[0].shape[1]
    if rows == 1:
        raise ValueError("Expected more than 1 value per channel when training")
    full = [stack if stack.dtype == torch.float64 else stack.float() for stack in stacks]
    mean = _joined([stack.mean(1, keepdim=True) for stack in full])
    squares = _joined([torch.bmm(stack.transpose(1, 2), stack) for stack in full])
    return mean, torch.baddbmm(squares, mean.transpose(1, 2), mean, beta=1 / rows, alpha=-1)


def _scale(variance: Tensor, eps: float, gains: Tensor | None) -> Tensor:
    scale = torch.rsqrt(variance + eps)
    return scale if gains is None else scale * gains


def _track(norms: Sequence[_NormBase], kernel: Tensor, mean: Tensor, variance: Tensor, rows: int) -> None:
    """Move the running statistics towards those of the batch, as torch does: the variance without bias."""
    first = norms[0]
    momentum = 0.0 if first.momentum is None else first.momentum
    with torch.no_grad():
        means = torch.bmm(kernel, mean.transpose(1, 2)).flatten(1)  # (n, O)
        unbiased = variance.flatten(1) * (rows / (rows - 1))
        held = [_buffer(norm.running_mean) for norm in norms]
        torch._foreach_lerp_(held, list(means.to(held[0].dtype).unbind()), momentum)
        held = [_buffer(norm.running_var) for norm in norms]
        torch._foreach_lerp_(held, list(unbiased.to(held[0].dtype).unbind()), momentum)
        torch._foreach_add_([_buffer(norm.num_batches_tracked) for norm in norms], 1)


# ------------------------------------------------------------------- helpers


def _full_precision(x: Tensor) -> AbstractContextManager[object]:
    """Statistics are taken without autocast: a variance is a difference of what may be large."""
    kind = x.device.type
    if kind != "meta" and torch.is_autocast_enabled(kind):
        return torch.autocast(kind, enabled=False)
    return nullcontext()


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _stacked(inputs: Sequence[Tensor]) -> Tensor:
    """(B, C, H, W) each -> (n, B * H * W, C)."""
    return torch.stack([_rows(x) for x in inputs])


def _rows(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B * H * W, C), a view where x is channels_last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _images(rows: Tensor, like: Tensor) -> Tensor:
    """(B * H * W, C) -> (B, C, H, W) of the batch and size of `like`, channels_last."""
    batch, _, height, width = like.shape
    return rows.view(batch, height, width, -1).permute(0, 3, 1, 2)


def _gains(weights: Tensor, entries: Sequence[Entry]) -> Tensor:
    """The mixing weights at the entries: (n, 1, 1)."""
    places = tuple(entry[0] * weights.shape[1] + entry[1] for entry in entries if entry)
    return weights.flatten().index_select(0, _index(places, weights.device)).view(-1, 1, 1)


@lru_cache(maxsize=4096)
def _index(places: tuple[int, ...], device: torch.device) -> Tensor:
    return torch.tensor(places, device=device)


def _buffer(held: Tensor | None) -> Tensor:
    if held is None:
        raise TypeError("a batch norm without running statistics")
    return held


# Kind -> the function.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "conv_bn_stack": conv_bn_stack,
    "conv_bn_sum": conv_bn_sum,
    "piece": piece,
}
