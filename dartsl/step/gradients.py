"""One pass over a batch: the loss, its gradients in some of the parameters, and what is not finite.

Where several processes share the batch, every gradient and every figure that leaves here is the whole batch's.

Here stand also the ways in which the passes of a step leave a model as it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from dartsl.nn.draws import seed_of, seed_torch
from dartsl.nn.share import Share
from dartsl.step.batches import Batch, Model, Outcome, Passed
from dartsl.step.finite import NonFiniteError

BatchKind = Literal["train", "validation"]


class Draws(Protocol):
    """Where the random operations of a model take their draws from."""

    share: Share

    def at(self, step: int, batch: BatchKind) -> int: ...


class SearchModel(Model, Protocol):
    """What the bilevel step needs of a supernet (`dartsl.nn.supernet.Supernet` has it)."""

    @property
    def draws(self) -> Draws: ...

    def weights(self) -> list[nn.Parameter]: ...

    def alpha_parameters(self) -> list[nn.Parameter]: ...

    def frozen_statistics(self) -> AbstractContextManager[Any]: ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...


@torch.no_grad()
def measure(model: SearchModel, batch: Batch, kind: BatchKind, step: int = 0) -> Outcome:
    """What a batch gives in training mode; nothing changes. Raises NonFiniteError."""
    with model.frozen_statistics():
        outcome = passed_over(model, batch, kind, step).outcome().over_all(batch.share)
    if not math.isfinite(outcome.loss):
        name = "training" if kind == "train" else "validation"
        raise NonFiniteError(f"{name} loss", "no parameter (none was taken)", 0.0)
    return outcome


def gradients_of(
    model: SearchModel, batch: Batch, kind: BatchKind, parameters: Sequence[nn.Parameter], step: int
) -> tuple[Outcome, list[Tensor]]:
    """The loss on a batch and its gradients in `parameters` (zeros where it does not depend on one)."""
    passed = passed_over(model, batch, kind, step)
    gradients = slopes(batch.share.weighed(passed.loss), parameters)
    batch.share.sum_(gradients)
    outcome = passed.outcome().over_all(batch.share)
    name = "training" if kind == "train" else "validation"
    if not math.isfinite(outcome.loss):
        raise NonFiniteError(f"{name} loss", *largest_gradient(model, parameters, gradients))
    require_finite(model, f"gradient of the {name} loss", parameters, gradients)
    return outcome, gradients


def passed_over(model: SearchModel, batch: Batch, kind: BatchKind, step: int) -> Passed:
    """One pass; all passes over one step's batch of a kind see the same random draws."""
    seed_pass(model, batch, kind, step)
    return batch.take(model)


def seed_pass(model: SearchModel, batch: Batch, kind: BatchKind, step: int) -> None:
    """Set the draws of random operations, and torch's own generators for plugins, to those of a step's batch."""
    model.draws.share = batch.share
    seed_torch(seed_of(batch.share, model.draws.at(step, kind)), batch.device)


def require_finite(
    model: SearchModel, quantity: str, parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor]
) -> Tensor:
    """The norm over all gradients, (). Raises NonFiniteError where it is not finite."""
    norm = get_total_norm(gradients)
    if not math.isfinite(norm.item()):
        raise NonFiniteError(quantity, *largest_gradient(model, parameters, gradients))
    return norm


def largest_gradient(
    model: SearchModel, parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor]
) -> tuple[str, float]:
    """The parameter, as the spec names it, with the largest gradient, and its size; NaN is the largest."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    sizes = [float(gradient.detach().abs().max()) for gradient in gradients if gradient.numel()]
    if not sizes:
        return "no parameter", 0.0
    place = max(range(len(sizes)), key=lambda i: math.inf if math.isnan(sizes[i]) else sizes[i])
    name = names.get(id(parameters[place]), "an unnamed parameter")
    return name.removeprefix("network."), sizes[place]


@torch.no_grad()
def shift(weights: Sequence[Tensor], direction: Sequence[Tensor], amount: float) -> None:
    torch._foreach_add_(list(weights), list(direction), alpha=amount)


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


def slopes(loss: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """The gradients of a loss, zeros where it does not depend on a parameter; it may depend on none at all.

    (All edges that are searched may lie in nodes that do not reach the output.)
    """
    if not loss.requires_grad:
        return [torch.zeros_like(parameter) for parameter in parameters]
    return list(torch.autograd.grad(loss, parameters, materialize_grads=True))


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
