"""Batch norm within a pass, which may freeze its running statistics, or share its batch between several processes.

torch's own arithmetic, but where processes share the batch: mean and variance are then those of the whole batch.
(torch's SyncBatchNorm runs on GPUs alone, and not in forward mode.) That is plain torch but for one sum over the
processes, which is linear: every kind of differentiation goes through it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _NormBase

from dartsl.nn.passing import PLAIN, Pass
from dartsl.nn.share import Share, Total

# Running mean (C,), running variance (C,), and the count of batches, of one module () or of several (modules,).
Statistics = tuple[Tensor | None, Tensor | None, Tensor | None]
NONE: Statistics = (None, None, None)


class BatchNorm1d(nn.BatchNorm1d):
    """torch's, (B, C) or (B, C, L), which is called with the pass."""

    def forward(self, input: Tensor, pass_: Pass = PLAIN) -> Tensor:
        return normalised(self, input, pass_)


class BatchNorm2d(nn.BatchNorm2d):
    """torch's, (B, C, H, W), which is called with the pass."""

    def forward(self, input: Tensor, pass_: Pass = PLAIN) -> Tensor:
        return normalised(self, input, pass_)


def normalised(norm: _NormBase, x: Tensor, pass_: Pass) -> Tensor:
    """What torch's own batch norm module gives for x (B, C, ...), in a pass."""
    norm._check_input_dim(x)  # type: ignore[no-untyped-call]
    held = own(norm) if reads(norm, pass_) else NONE
    return batch_norm(norm, x, norm.weight, norm.bias, held, pass_)


def own(norm: _NormBase) -> Statistics:
    """The statistics of one batch norm."""
    return norm.running_mean, norm.running_var, norm.num_batches_tracked


def reads(norm: _NormBase, pass_: Pass) -> bool:
    """Whether a batch norm reads its running statistics in a pass, or moves them."""
    moving = norm.track_running_stats and not pass_.frozen
    return (moving or not norm.training) and norm.running_mean is not None


def batch_norm(
    norm: _NormBase, x: Tensor, weight: Tensor | None, bias: Tensor | None, held: Statistics, pass_: Pass
) -> Tensor:
    """Batch norm of x (B, C, ...) as `norm` is set, with running statistics that may be those of several modules.

    Without them (`NONE`) those of the batch normalise, and nothing moves.
    """
    mean, variance, count = held
    training = norm.training or mean is None
    moving = training and mean is not None
    # By a momentum of 0 the statistics stay, and autograd saves the same tensors as the first time.
    momentum = counted(norm, count) if moving and not pass_.again else 0.0
    share = pass_.share
    if share.total is None or not training:
        return F.batch_norm(x, mean, variance, weight, bias, training, momentum, norm.eps)
    return _over_all(x, share, share.total, mean, variance, weight, bias, momentum, norm.eps)


def counted(norm: _NormBase, count: Tensor | None) -> float:
    """Count a batch; gives what it weighs in the running statistics: the momentum or, without one, as in their mean."""
    if count is not None:
        count.add_(1)
    if norm.momentum is not None:
        return norm.momentum
    # This alone waits for the device, as torch's own module does.
    return 0.0 if count is None else 1.0 / float(count.flatten()[0])


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
    size = wide.new_full((1,), x.numel() / x.shape[1])
    sums = _summed(torch.cat((wide.sum(dims), size)) * counted, total)  # (C + 1,)
    count = sums[-1].detach()
    centre = sums[:-1] / count  # (C,)
    centred = wide - centre.view(shape)
    spread = _summed(centred.square().sum(dims) * counted, total) / count  # (C,)
    if mean is not None and variance is not None:
        with torch.no_grad():
            mean.data.lerp_(centre.detach().to(mean.dtype), momentum)
            variance.data.lerp_((spread.detach() * (count / (count - 1))).to(variance.dtype), momentum)
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
