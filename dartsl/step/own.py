"""A loss and metrics of a user's own: what they return is looked at before anything is made of it.

What they raise goes to the user as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dartsl.lang.codes.diagnostics import UserError

# Of logits (B, classes) and labels (B,), int64: their mean loss, (), and a number.
Loss = Callable[[Tensor, Tensor], Tensor]
Metric = Callable[[Tensor, Tensor], Any]


def mean_loss(loss: Loss, logits: Tensor, labels: Tensor) -> Tensor:
    """The mean, (), that a loss gives for logits (B, classes) and labels (B,), int64.

    Raises UserError for anything but one floating number, and for one that no gradient leads from to the logits.
    """
    found = loss(logits, labels)
    if not isinstance(found, Tensor) or found.dim() > 0 or not found.is_floating_point():
        raise UserError(
            f"the loss gives {_kind(found)}, and not the mean over a batch",
            'let it return a floating tensor without dimensions, as torch\'s losses do with reduction="mean"',
        )
    if logits.requires_grad and not found.requires_grad:
        raise UserError(
            "no gradient leads from the loss to the logits, so that nothing would be learnt",
            "compute it by torch's operations, without item(), detach() and the like",
        )
    return found


def metric_value(name: str, metric: Metric, logits: Tensor, labels: Tensor) -> Tensor:
    """The number, (), that a metric gives for logits (B, classes) and labels (B,). Raises UserError for any other."""
    found = metric(logits, labels)
    try:
        value = torch.as_tensor(found, device=logits.device)
        return value.reshape(())
    except (TypeError, ValueError, RuntimeError):
        raise UserError(
            f"the metric `{name}` gives {_kind(found)}, and not one number",
            "let it return a number or a tensor of one element, such as the mean over the batch",
        ) from None


def _kind(found: object) -> str:
    """What a user calls a value: its shape, or its type."""
    if isinstance(found, Tensor):
        return f"a {str(found.dtype).removeprefix('torch.')} tensor {tuple(found.shape)}"
    return "nothing" if found is None else f"a value of the type {type(found).__name__}"
