"""The gradient of the alphas, in each order.

    min_alpha L_val(w*(alpha), alpha)   s.t.   w*(alpha) = argmin_w L_train(w, alpha)

Source: Liu, Simonyan and Yang, "DARTS", ICLR 2019 (arXiv 1806.09055), equations 5 to 8, and the authors'
implementation. Every pass of it leaves batch norm's running statistics alone and sees, on one batch, the same random
draws (a plugin's too); the weights come out of it bit for bit as they went in. Where processes share the batches, every
gradient here is that of the whole batch, and so are norms, what is clipped and the difference's epsilon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dartsl.nn.passing import STEADY, Pass, Scheduled
from dartsl.searching.products import difference_product, exact_product
from dartsl.step.autograd import clip_, constant, restored, shift
from dartsl.step.batches import Batch, Outcome, SearchModel
from dartsl.step.finite import AT_ONCE, Finite
from dartsl.step.gradients import gradients_of, require_finite
from dartsl.step.optimisers import Factor, rate_of

ORDERS = ("1", "2", "exact")


@dataclass(frozen=True)
class AlphaGradient:
    """The alphas' gradients, along `model.alpha_parameters()`, and what the validation batch gave.

    With order 2 and exact the outcome is that of the unrolled weights w', and `product` is the hvp, which
    went into the gradients as - scale * hvp (see `Unroll`). `weights` are the validation loss's gradients along
    `model.weights()`, at w' too, where they were asked for.
    """

    gradients: list[Tensor]
    outcome: Outcome
    product: list[Tensor] | None = None
    scale: float | Tensor = 0.0
    weights: list[Tensor] | None = None


@dataclass(frozen=True)
class Unroll:
    """The virtual weight step w' = w - xi * s: s = momentum * buffer + g, with g = grad_w L_train + weight_decay * w.

    It is the step that the optimiser would take: with `nesterov` s is g + momentum * (momentum * buffer + g), so that
    the hvp counts 1 + momentum times, and weights that the training loss does not depend on stay where they are.
    `buffers` runs along `model.weights()`: the optimiser's momentum buffers, None before its first step.
    The rest is for text, as the authors' code has it (method.md). With `clip` (0: none) the gradient is clipped
    to that norm within w', by c = clip / (|grad| + 1e-6) where c < 1; v is clipped the same way; and the hvp
    counts xi * c, c being what it is even above 1. Weights in `held` are not stepped in w', though they
    belong to v and to w +- eps v (an embedding that the head shares). Weights that are `frozen` belong to none of them.
    """

    xi: Factor
    momentum: float
    weight_decay: float
    buffers: Sequence[Tensor | None]
    clip: float = 0.0
    held: Sequence[Tensor] = ()
    nesterov: bool = False
    frozen: Sequence[Tensor] = ()

    @property
    def share(self) -> float:
        """What of a gradient goes into s."""
        return 1.0 + self.momentum if self.nesterov else 1.0

    @classmethod
    def of(
        cls,
        optimizer: torch.optim.SGD,
        weights: Sequence[Tensor],
        *,
        clip: float = 0.0,
        held: Sequence[Tensor] = (),
        step: int = 0,
        frozen: Sequence[Tensor] = (),
    ) -> Unroll:
        """The step that `optimizer`, which has one parameter group, would take now, as that of number `step`."""
        group = optimizer.param_groups[0]
        buffers = [optimizer.state.get(weight, {}).get("momentum_buffer") for weight in weights]
        momentum, decay = (float(group[name]) for name in ("momentum", "weight_decay"))
        nesterov = bool(group["nesterov"])
        return cls(rate_of(optimizer, step), momentum, decay, buffers, clip, held, nesterov, frozen)


def alpha_gradient(
    model: SearchModel,
    train: Batch,
    validation: Batch,
    order: str,
    *,
    unroll: Unroll | None = None,
    r: float = 0.01,
    step: int = 0,
    scheduled: Scheduled = STEADY,
    finite: Finite = AT_ONCE,
    with_weights: bool = False,
) -> AlphaGradient:
    """The gradient of the validation loss in the alphas, at the weights the training batch would lead to.

    order "1": grad_alpha L_val(w, alpha). "2" and "exact", with v = grad_w' L_val(w', alpha):
    grad_alpha L_val(w', alpha) - xi * hvp, where hvp = d/d alpha <grad_w L_train(w, alpha), v> is taken by a
    central difference of grad_alpha L_train over w +- (r / |v|) v (order 2; one norm over all weights) or by
    forward over reverse (exact). `unroll`, which both need, says what w' is, and what else text differs in.
    No loss here has a penalty in it. `step` keys the random draws; `scheduled` is the same in all passes. What is not
    finite raises NonFiniteError, or sets the flag of `finite`; the weights are restored. `with_weights` asks for the
    gradients in the weights as well.
    """
    alphas = model.alpha_parameters()
    on_train = Pass(step, "train", frozen=True, scheduled=scheduled)
    on_validation = replace(on_train, kind="validation")
    if order == "1" and with_weights:
        learnt = [*alphas, *model.weights()]
        outcome, both = gradients_of(model, validation, on_validation, learnt, finite)
        return AlphaGradient(both[: len(alphas)], outcome, weights=both[len(alphas) :])
    if order == "1":
        with constant(model.weights()):
            outcome, gradients = gradients_of(model, validation, on_validation, alphas, finite)
        return AlphaGradient(gradients, outcome)
    if order not in ORDERS:
        raise ValueError(f"order must be 1, 2 or exact, not {order}")
    if unroll is None:
        raise ValueError(f"order {order} needs the virtual step of the weights")
    weights = model.weights()
    change, factor = _virtual_step(model, train, on_train, unroll, finite)
    with restored(weights):
        shift(weights, change, -unroll.xi)
        outcome, both = gradients_of(model, validation, on_validation, [*alphas, *weights], finite)
    del change
    gradients, direction = both[: len(alphas)], both[len(alphas) :]
    in_weights = [each.clone() for each in direction] if with_weights else None
    frozen = {id(weight) for weight in unroll.frozen}
    for weight, each in zip(weights, direction, strict=True):
        if id(weight) in frozen:
            each.zero_()
    clip_(direction, unroll.clip)
    if order == "2":
        hvp = difference_product(model, train, on_train, direction, r, finite)
    else:
        hvp = exact_product(model, train, on_train, direction)
    scale = unroll.xi * factor * unroll.share
    shift(gradients, hvp, -scale)
    require_finite(model, "alphas' gradient", alphas, gradients, finite)
    return AlphaGradient(gradients, outcome, hvp, scale, in_weights)


def _virtual_step(
    model: SearchModel, train: Batch, pass_: Pass, unroll: Unroll, finite: Finite
) -> tuple[list[Tensor], float | Tensor]:
    """The change of the weights per learning rate, (w - w') / xi, and c."""
    weights = model.weights()
    still = {id(weight) for weight in (*unroll.held, *unroll.frozen)}
    with constant(model.alpha_parameters()):
        _, change = gradients_of(model, train, pass_, weights, finite, still)
    factor = clip_(change, unroll.clip)
    with torch.no_grad():
        torch._foreach_add_(change, list[Tensor](weights), alpha=unroll.weight_decay)
        if unroll.nesterov:
            torch._foreach_mul_(change, unroll.share)
        moving = [(s, b) for s, b in zip(change, unroll.buffers, strict=True) if b is not None]
        if moving:
            amount = unroll.momentum**2 if unroll.nesterov else unroll.momentum
            torch._foreach_add_([s for s, _ in moving], [b for _, b in moving], alpha=amount)
        for weight, slope in zip(weights, change, strict=True):
            if id(weight) in still:
                slope.zero_()
    return change, factor
