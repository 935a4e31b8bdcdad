"""One step of the bilevel optimisation: the gradient of the alphas, and the step of the weights.

    min_alpha L_val(w*(alpha), alpha)   s.t.   w*(alpha) = argmin_w L_train(w, alpha)

Source: Liu, Simonyan and Yang, "DARTS", ICLR 2019 (arXiv 1806.09055), equations 5 to 8, and the authors'
implementation. Every pass of the alpha step leaves batch norm's running statistics alone and sees, on one
batch, the same random draws (a plugin's too, which come from torch's own generators: each pass seeds them
anew); the weights come out of it bit for bit as they went in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_

from dartsl.run.loop import NonFiniteError
from dartsl.search.gradients import (
    Batch,
    Outcome,
    SearchModel,
    constant,
    gradients_of,
    largest_gradient,
    logits_of,
    measure,
    outcome_of,
    require_finite,
    restored,
    shift,
)
from dartsl.search.products import difference_product, exact_product

__all__ = [
    "AlphaGradient",
    "Batch",
    "NonFiniteError",
    "Outcome",
    "SearchModel",
    "Unroll",
    "alpha_gradient",
    "alpha_step",
    "learning_rate",
    "measure",
    "weight_step",
]


@dataclass(frozen=True)
class AlphaGradient:
    """The alphas' gradients, along `model.alpha_parameters()`, and what the validation batch gave.

    With order 2 and exact the outcome is that of the unrolled weights w', and `product` is the hvp, which
    went into the gradients as - xi * hvp.
    """

    gradients: list[Tensor]
    outcome: Outcome
    product: list[Tensor] | None = None


@dataclass(frozen=True)
class Unroll:
    """The virtual weight step w' = w - xi * (momentum * buffer + grad_w L_train + weight_decay * w).

    `buffers` runs along `model.weights()`: the optimiser's momentum buffers, None before its first step.
    """

    xi: float
    momentum: float
    weight_decay: float
    buffers: Sequence[Tensor | None]

    @classmethod
    def of(cls, optimizer: torch.optim.SGD, weights: Sequence[Tensor]) -> Unroll:
        """The step that `optimizer`, which has one parameter group, would take now."""
        group = optimizer.param_groups[0]
        buffers = [optimizer.state.get(weight, {}).get("momentum_buffer") for weight in weights]
        return cls(float(group["lr"]), float(group["momentum"]), float(group["weight_decay"]), buffers)


def learning_rate(epoch: int, epochs: int, highest: float, lowest: float) -> float:
    """The weights' learning rate in an epoch counted from 0: half a cosine, in closed form."""
    return lowest + 0.5 * (highest - lowest) * (1.0 + math.cos(math.pi * epoch / epochs))


def alpha_gradient(
    model: SearchModel,
    train: Batch,
    validation: Batch,
    order: str,
    *,
    unroll: Unroll | None = None,
    r: float = 0.01,
    step: int = 0,
) -> AlphaGradient:
    """The gradient of the validation loss in the alphas, at the weights the training batch would lead to.

    order "1": grad_alpha L_val(w, alpha). "2" and "exact", with v = grad_w' L_val(w', alpha):
    grad_alpha L_val(w', alpha) - xi * hvp, where hvp = d/d alpha <grad_w L_train(w, alpha), v> is taken by a
    central difference of grad_alpha L_train over w +- (r / |v|) v (order 2; one norm over all weights) or by
    forward over reverse (exact). The virtual step is not clipped. `unroll` is needed by both.
    `step` keys the random draws. Raises NonFiniteError, with the weights restored.
    """
    alphas = model.alpha_parameters()
    with model.frozen_statistics():
        if order == "1":
            with constant(model.weights()):
                outcome, gradients = gradients_of(model, validation, "validation", alphas, step)
            return AlphaGradient(gradients, outcome)
        if order not in ("2", "exact"):
            raise ValueError(f"order must be 1, 2 or exact, not {order}")
        if unroll is None:
            raise ValueError(f"order {order} needs the virtual step of the weights")
        outcome, gradients, direction = _at_virtual_weights(model, train, validation, unroll, step)
        if order == "2":
            hvp = difference_product(model, train, direction, r, step)
        else:
            hvp = exact_product(model, train, direction, step)
    torch._foreach_add_(gradients, hvp, alpha=-unroll.xi)
    require_finite(model, "alphas' gradient", alphas, gradients)
    return AlphaGradient(gradients, outcome, hvp)


def alpha_step(model: SearchModel, optimizer: torch.optim.Optimizer, gradient: AlphaGradient) -> None:
    """Hand the gradients to the alphas' optimiser and let it take one step."""
    for alpha, value in zip(model.alpha_parameters(), gradient.gradients, strict=True):
        alpha.grad = value
    optimizer.step()
    optimizer.zero_grad()


def weight_step(
    model: SearchModel, batch: Batch, optimizer: torch.optim.Optimizer, *, clip: float, step: int = 0
) -> Outcome:
    """One step of the weights on a training batch, at the alphas as they are now.

    This pass, alone, moves batch norm's running statistics. `clip` bounds the norm of the gradient over all
    weights (0: no bound). Raises NonFiniteError before any weight is touched.
    """
    weights = model.weights()
    optimizer.zero_grad()
    with constant(model.alpha_parameters()):
        logits = logits_of(model, batch, "train", step)
        loss = F.cross_entropy(logits, batch.labels)
        loss.backward()  # type: ignore[no-untyped-call]
    outcome = outcome_of(loss, logits, batch)
    fed = [weight for weight in weights if weight.grad is not None]
    gradients = [weight.grad for weight in fed if weight.grad is not None]
    if not math.isfinite(outcome.loss):
        raise NonFiniteError("training loss", *largest_gradient(model, fed, gradients))
    require_finite(model, "weights' gradient", fed, gradients)
    if clip > 0:
        clip_grad_norm_(fed, clip)
    optimizer.step()
    optimizer.zero_grad()
    return outcome


def _at_virtual_weights(
    model: SearchModel, train: Batch, validation: Batch, unroll: Unroll, step: int
) -> tuple[Outcome, list[Tensor], list[Tensor]]:
    """The validation pass at w': its outcome, grad_alpha L_val and v = grad_w' L_val."""
    weights, alphas = model.weights(), model.alpha_parameters()
    with constant(alphas):
        _, change = gradients_of(model, train, "train", weights, step)
    with torch.no_grad():
        torch._foreach_add_(change, list[Tensor](weights), alpha=unroll.weight_decay)
        for slope, buffer in zip(change, unroll.buffers, strict=True):
            if buffer is not None:
                slope.add_(buffer, alpha=unroll.momentum)
    with restored(weights):
        shift(weights, change, -unroll.xi)
        outcome, gradients = gradients_of(model, validation, "validation", [*alphas, *weights], step)
    return outcome, gradients[: len(alphas)], gradients[len(alphas) :]
