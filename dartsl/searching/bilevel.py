"""One step of the bilevel optimisation: the gradient of the alphas, and the step of the weights.

    min_alpha L_val(w*(alpha), alpha)   s.t.   w*(alpha) = argmin_w L_train(w, alpha)

Source: Liu, Simonyan and Yang, "DARTS", ICLR 2019 (arXiv 1806.09055), equations 5 to 8, and the authors'
implementation. Every pass of the alpha step leaves batch norm's running statistics alone and sees, on one
batch, the same random draws (a plugin's too, which come from torch's own generators: each pass seeds them
anew); the weights come out of it bit for bit as they went in.

Where processes share the batches, every gradient here is that of the whole batch, and so are norms, what is clipped
and the difference's epsilon.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from dartsl.searching.products import difference_product, exact_product
from dartsl.step.batches import Batch, ImageBatch, Outcome, TextBatch
from dartsl.step.finite import NonFiniteError
from dartsl.step.gradients import (
    SearchModel,
    constant,
    gradients_of,
    largest_gradient,
    measure,
    passed_over,
    require_finite,
    restored,
    shift,
)

__all__ = [
    "AlphaGradient",
    "Batch",
    "ImageBatch",
    "NonFiniteError",
    "Outcome",
    "SearchModel",
    "TextBatch",
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
    went into the gradients as - scale * hvp (see `Unroll`).
    """

    gradients: list[Tensor]
    outcome: Outcome
    product: list[Tensor] | None = None
    scale: float = 0.0


@dataclass(frozen=True)
class Unroll:
    """The virtual weight step w' = w - xi * (momentum * buffer + grad_w L_train + weight_decay * w).

    `buffers` runs along `model.weights()`: the optimiser's momentum buffers, None before its first step.
    The rest is for text, as the authors' code has it (method.md). With `clip` (0: none) the gradient is clipped
    to that norm within w', by c = clip / (|grad| + 1e-6) where c < 1; v is clipped the same way; and the hvp
    counts xi * c, c being what it is even above 1. Weights in `held` are not stepped in w', though they
    belong to v and to w +- eps v (an embedding that the head shares).
    """

    xi: float
    momentum: float
    weight_decay: float
    buffers: Sequence[Tensor | None]
    clip: float = 0.0
    held: Sequence[Tensor] = ()

    @classmethod
    def of(
        cls,
        optimizer: torch.optim.SGD,
        weights: Sequence[Tensor],
        *,
        clip: float = 0.0,
        held: Sequence[Tensor] = (),
    ) -> Unroll:
        """The step that `optimizer`, which has one parameter group, would take now."""
        group = optimizer.param_groups[0]
        buffers = [optimizer.state.get(weight, {}).get("momentum_buffer") for weight in weights]
        rate, momentum, decay = (float(group[name]) for name in ("lr", "momentum", "weight_decay"))
        return cls(rate, momentum, decay, buffers, clip, held)


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
    forward over reverse (exact). `unroll`, which both need, says what w' is, and what else text differs in.
    No loss here has a penalty in it. `step` keys the random draws. Raises NonFiniteError, with the weights restored.
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
        outcome, gradients, direction, factor = _at_virtual_weights(model, train, validation, unroll, step)
        if order == "2":
            hvp = difference_product(model, train, direction, r, step)
        else:
            hvp = exact_product(model, train, direction, step)
    scale = unroll.xi * factor
    torch._foreach_add_(gradients, hvp, alpha=-scale)
    require_finite(model, "alphas' gradient", alphas, gradients)
    return AlphaGradient(gradients, outcome, hvp, scale)


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

    This pass, alone, moves batch norm's running statistics, and adds the batch's penalty to the loss (the
    outcome's loss is without it). `clip` bounds the norm of the gradient over all weights (0: no bound).
    Raises NonFiniteError before any weight is touched.
    """
    weights = model.weights()
    optimizer.zero_grad()
    with constant(model.alpha_parameters()):
        passed = passed_over(model, batch, "train", step)
        objective = passed.loss if passed.penalty is None else passed.loss + passed.penalty
        batch.share.weighed(objective).backward()  # type: ignore[no-untyped-call]
    outcome = passed.outcome().over_all(batch.share)
    fed = [weight for weight in weights if weight.grad is not None]
    gradients = [weight.grad for weight in fed if weight.grad is not None]
    batch.share.sum_(gradients)
    if not math.isfinite(outcome.loss):
        raise NonFiniteError("training loss", *largest_gradient(model, fed, gradients))
    norm = require_finite(model, "weights' gradient", fed, gradients)
    if clip > 0:
        clip_grads_with_norm_(fed, clip, norm)
    optimizer.step()
    optimizer.zero_grad()
    return outcome


def _at_virtual_weights(
    model: SearchModel, train: Batch, validation: Batch, unroll: Unroll, step: int
) -> tuple[Outcome, list[Tensor], list[Tensor], float]:
    """The validation pass at w': its outcome, grad_alpha L_val, v = grad_w' L_val (clipped), and c."""
    weights, alphas = model.weights(), model.alpha_parameters()
    with constant(alphas):
        _, change = gradients_of(model, train, "train", weights, step)
    factor = _clipped(change, unroll.clip)
    with torch.no_grad():
        torch._foreach_add_(change, list[Tensor](weights), alpha=unroll.weight_decay)
        moving = [(s, b) for s, b in zip(change, unroll.buffers, strict=True) if b is not None]
        if moving:
            torch._foreach_add_([s for s, _ in moving], [b for _, b in moving], alpha=unroll.momentum)
        held = {id(weight) for weight in unroll.held}
        for weight, slope in zip(weights, change, strict=True):
            if id(weight) in held:
                slope.zero_()
    with restored(weights):
        shift(weights, change, -unroll.xi)
        outcome, gradients = gradients_of(model, validation, "validation", [*alphas, *weights], step)
    direction = gradients[len(alphas) :]
    _clipped(direction, unroll.clip)
    return outcome, gradients[: len(alphas)], direction, factor


def _clipped(gradients: list[Tensor], clip: float) -> float:
    """Scale gradients down, in place, to the norm `clip` over all of them; 0: no bound.

    Gives the factor c = clip / (norm + 1e-6), even where it is above 1 and nothing was scaled.
    """
    if clip == 0.0:
        return 1.0
    factor = clip / (get_total_norm(gradients).item() + 1e-6)
    if factor < 1.0:
        torch._foreach_mul_(gradients, factor)
    return factor
