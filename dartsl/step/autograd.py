"""What the passes of a step do with parameters: gradients in some, others held, shifted, and put back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from dartsl.step.finite import quotient, wide


@torch.no_grad()
def shift(values: Sequence[Tensor], direction: Sequence[Tensor], amount: float | Tensor) -> None:
    """values += amount * direction, in place; an amount on the device is (), and is not waited for."""
    values, direction = list(values), list(direction)
    if not isinstance(amount, Tensor):
        torch._foreach_add_(values, direction, alpha=amount)
    elif amount.device.type == "cpu":  # of all ways the one that rounds as that with a number does
        factors = [amount.to(value.dtype).expand_as(value) for value in values]
        torch._foreach_addcmul_(values, direction, factors)
    else:  # a few kernels for all values; what is expanded would take one for each
        torch._foreach_add_(values, scaled(direction, amount))


def scaled(values: Sequence[Tensor], amount: Tensor) -> list[Tensor]:
    """amount * values, for an amount on the device, ()."""
    return list(torch._foreach_mul(list(values), amount.to(values[0].dtype))) if values else []


def clip_(gradients: list[Tensor], clip: float) -> float | Tensor:
    """Scale gradients down, in place, to the norm `clip` over all of them; 0: no bound.

    Gives the factor c = clip / (norm + 1e-6), (), even where it is above 1 and nothing was scaled.
    """
    if clip == 0.0:
        return 1.0
    factor = quotient(clip, wide(get_total_norm(gradients)) + 1e-6)  # ()
    torch._foreach_mul_(gradients, factor.clamp(max=1.0).to(gradients[0].dtype))  # times 1 changes no bit
    return factor


@contextmanager
def restored(weights: Sequence[Tensor]) -> Iterator[None]:
    """Whatever happens to the weights inside, they come out bit for bit as they went in (from a copy)."""
    values = list(weights)
    with torch.no_grad():
        saved = torch._foreach_mul(values, 1.0)  # copies, in one operation; times 1 changes no bit
    try:
        yield
    finally:
        with torch.no_grad():
            torch._foreach_copy_(values, saved)


def slopes(loss: Tensor, parameters: Sequence[Tensor], apart: set[int] | None = None) -> list[Tensor]:
    """The gradients of a loss, zeros where it does not depend on a parameter; it may depend on none at all.

    (All edges that are searched may lie in nodes that do not reach the output.) The ids of the parameters that it does
    not depend on are added to `apart`, where that is given.
    """
    found: Sequence[Tensor | None] = [None] * len(parameters)
    if loss.requires_grad:
        found = torch.autograd.grad(loss, parameters, allow_unused=True)
    if apart is not None:
        apart |= {id(each) for each, slope in zip(parameters, found, strict=True) if slope is None}
    pairs = zip(parameters, found, strict=True)
    return [torch.zeros_like(each) if slope is None else slope for each, slope in pairs]


@contextmanager
def constant(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Inside, autograd builds and keeps nothing for these parameters."""
    held = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in held:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(True)
