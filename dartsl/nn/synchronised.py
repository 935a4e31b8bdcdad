"""Batch norm over a batch that several processes share: mean and variance are those of the whole batch.

(torch's own SyncBatchNorm runs on GPUs alone, and not in forward mode.) Plain torch but for one sum over the
processes, which is linear: every kind of differentiation goes through it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

from dartsl.nn.draws import Draws
from dartsl.nn.share import Share, Total


class Synchronised(_BatchNorm):
    """A batch norm that takes the place of another one, with its parameters and statistics.

    `draws.share` says what part of the batch a pass sees; where it sees all, this is the plain batch norm.
    """

    def __init__(self, norm: _BatchNorm, draws: Draws) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, affine=False, track_running_stats=False)
        self.affine, self.track_running_stats, self.training = (
            norm.affine,
            norm.track_running_stats,
            norm.training,
        )
        self._parameters.update(norm._parameters)
        self._buffers.update(norm._buffers)
        self.draws = draws

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions, channels in the second."""

    def forward(self, input: Tensor) -> Tensor:
        moving = self.training and self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        if moving and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                momentum = 1.0 / float(self.num_batches_tracked)
        read = moving or not self.training
        mean, variance = (self.running_mean, self.running_var) if read else (None, None)
        training = self.training or mean is None
        return batch_norm(self, input, mean, variance, self.weight, self.bias, training, momentum)


def synchronise(model: nn.Module, draws: Draws) -> None:
    """Put a `Synchronised` in the place of every batch norm of a model; names, parameters and buffers stay."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, _BatchNorm) and not isinstance(child, Synchronised):
                setattr(parent, name, Synchronised(child, draws))


def batch_norm(
    norm: _NormBase,
    x: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
) -> Tensor:
    """torch's own batch norm of x (B, C, ...), or that over the whole batch where `norm` is `Synchronised`.

    Running statistics, where they are given, move in training.
    """
    share = norm.draws.share if isinstance(norm, Synchronised) else None
    if share is None or share.total is None or not training:
        return F.batch_norm(x, mean, variance, weight, bias, training, momentum, norm.eps)
    return _over_all(x, share, share.total, mean, variance, weight, bias, momentum, norm.eps)


def _over_all(
    x: Tensor,
    share: Share,
    total: Total,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float,
    eps: float,
) -> Tensor:
    wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    dims = [dim for dim in range(x.dim()) if dim != 1]
    shape = [-1 if dim == 1 else 1 for dim in range(x.dim())]
    counted = 1.0 if share.counts else 0.0
    size = wide.new_tensor([x.numel() / x.shape[1]])
    sums = _summed(torch.cat((wide.sum(dims), size)) * counted, total)  # (C + 1,)
    count = sums[-1].detach()
    centre = sums[:-1] / count  # (C,)
    centred = wide - centre.view(shape)
    spread = _summed(centred.square().sum(dims) * counted, total) / count  # (C,)
    if mean is not None and variance is not None:
        with torch.no_grad():
            mean.lerp_(centre.detach().to(mean.dtype), momentum)
            variance.lerp_((spread.detach() * (count / (count - 1))).to(variance.dtype), momentum)
    result = centred * torch.rsqrt(spread + eps).view(shape)
    if weight is not None:
        result = result * weight.view(shape)
    if bias is not None:
        result = result + bias.view(shape)
    return result.to(x.dtype)


def _summed(x: Tensor, total: Total) -> Tensor:
    result: Tensor = _Sum.apply(x, total)  # type: ignore[no-untyped-call]
    return result


class _Sum(torch.autograd.Function):
    """The sum of a tensor over the processes; its gradient is summed likewise, since each of them reads the sum."""

    @staticmethod
    def forward(x: Tensor, total: Total) -> Tensor:
        result = x.clone()
        total([result])
        return result

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Total], output: Tensor) -> None:
        ctx.total = inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _summed(gradient, ctx.total), None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        result = tangent.clone()
        ctx.total([result])
        return result
