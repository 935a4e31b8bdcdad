"""How a batch norm scales, and its running statistics, by the kernels of `sums.py`: one launch for what torch takes
five operations, and as many in the backward pass. Of so few numbers a launch is all that they cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor
from torch.autograd import Function
from torch.nn.modules.batchnorm import _NormBase

from dartsl.nn.kernels import sums
from dartsl.nn.kernels.stage import FUSION, on
from dartsl.nn.running import together

BLOCK = 64


class Moving(NamedTuple):
    """Running statistics (C,) of batch norms with `features` channels each, and their counts, which move towards those
    of a batch: its means (C,), over `pixels` of all images."""

    means: Tensor
    variances: Tensor
    counts: Tensor
    features: int
    momentum: float
    towards: Tensor
    pixels: int

    @classmethod
    def of(cls, norms: Sequence[_NormBase], towards: Tensor, pixels: int) -> Moving | None:
        """Those of some norms; None where they do not lie side by side, or move in another way."""
        first, known = norms[0], together(norms)
        if len(norms) == 1:
            held = (first.running_mean, first.running_var, first.num_batches_tracked)
        elif known is not None and known.first is None:
            held = known.moving
        else:
            return None
        means, variances, counts = held
        if means is None or variances is None or counts is None or first.momentum is None:
            return None
        if not all(each.is_contiguous() for each in (means, variances, counts)):
            return None
        return cls(means, variances, counts, first.num_features, first.momentum, towards.detach(), pixels)


def scaled(variance: Tensor, gain: Tensor | None, eps: float, moving: Moving | None) -> Tensor:
    """gain / sqrt(variance + eps), (C,) each, float32; without a gain as if it were 1."""
    found: Tensor = _Scale.apply(variance, gain, eps, moving)  # type: ignore[no-untyped-call]
    return found


def in_torch(variance: Tensor, gain: Tensor | None, eps: float) -> Tensor:
    """The same in torch's own operations."""
    scale = torch.rsqrt(variance + eps)
    return scale if gain is None else scale * gain


class _Scale(Function):
    @staticmethod
    def forward(ctx: Any, variance: Tensor, gain: Tensor | None, eps: float, moving: Moving | None) -> Tensor:
        variance = variance.contiguous()
        gain = None if gain is None else gain.contiguous()
        ctx.save_for_backward(variance, gain)
        ctx.eps = eps
        scale = torch.empty_like(variance)
        move, count = moving is not None, variance.shape[0]
        held = moving or Moving(scale, scale, scale, 1, 0.0, scale, 2)
        with on(variance):
            sums.scales[(triton.cdiv(count, BLOCK),)](
                variance, variance if gain is None else gain, scale,
                held.towards, held.means, held.variances, held.counts,
                count, held.features, eps, held.momentum, held.pixels / (held.pixels - 1),
                GAIN=gain is not None, MOVE=move, BC=BLOCK, num_warps=1, **FUSION,
            )  # fmt: skip
        return scale

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        variance, gain = ctx.saved_tensors
        if torch.is_grad_enabled():
            leaves = (variance, gain)
            places = [place for place, wanted in enumerate(ctx.needs_input_grad[:2]) if wanted]
            asked = [leaves[place] for place in places]
            found = torch.autograd.grad(
                in_torch(variance, gain, ctx.eps), asked, gradients, create_graph=True
            )
            by_place = dict(zip(places, found, strict=True))
            return by_place.get(0), by_place.get(1), None, None
        given, of_variance = gradients[0].contiguous(), torch.empty_like(variance)
        of_gain = of_variance if gain is None else torch.empty_like(gain)
        count = variance.shape[0]
        sums.of_scales[(triton.cdiv(count, BLOCK),)](
            variance, variance if gain is None else gain, given, of_variance, of_gain,
            count, ctx.eps, GAIN=gain is not None, BC=BLOCK, num_warps=1, **FUSION,
        )  # fmt: skip
        return of_variance, None if gain is None else of_gain, None, None
