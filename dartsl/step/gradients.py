"""Passes over batches: losses, their gradients in some of the parameters, and the step of the weights.

Where several processes share a batch, every gradient and every figure that leaves here is the whole batch's. Nothing
here waits for the device, unless `Finite` is to raise at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from dartsl.nn.ahead import Ahead
from dartsl.nn.draws import seed_of, seed_torch, stream_seed
from dartsl.nn.passing import Pass
from dartsl.step.autograd import constant, slopes
from dartsl.step.batches import Batch, Outcome, Passed, SearchModel, together
from dartsl.step.finite import AT_ONCE, Finite, largest_gradient, no_parameter
from dartsl.step.optimisers import advance

NAMES = {"train": "training loss", "validation": "validation loss"}


def passed_over(model: SearchModel, batch: Batch, pass_: Pass) -> Passed:
    """One pass; all passes of one step over its batch of a kind see the same random draws, a plugin's too."""
    pass_ = replace(pass_, share=batch.share)
    seed_plugins(model, batch, pass_)
    return batch.take(model, pass_)


def seed_plugins(model: SearchModel, batch: Batch, pass_: Pass) -> None:
    """Seed torch's own generators, from which plugins draw. No step of theirs is captured, where that could not be."""
    if isinstance(pass_.step, Ahead):
        return
    seed = stream_seed(model.seed, pass_.step, pass_.kind)
    seed_torch(seed_of(batch.share, seed), batch.device)


@contextmanager
def evaluated(model: nn.Module) -> Iterator[None]:
    """Inside, a network is in evaluation mode; each module comes out of it in the mode that it was in."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


@torch.no_grad()
def measure(model: SearchModel, batch: Batch, pass_: Pass, finite: Finite = AT_ONCE) -> Outcome:
    """What a batch gives in training mode; nothing changes, where the pass is a frozen one."""
    outcome = passed_over(model, batch, pass_).outcome().over_all(batch.share)
    finite.require(NAMES[pass_.kind], outcome.loss, no_parameter)
    return outcome


def gradients_of(
    model: SearchModel,
    batch: Batch,
    pass_: Pass,
    parameters: Sequence[nn.Parameter],
    finite: Finite = AT_ONCE,
    apart: set[int] | None = None,
) -> tuple[Outcome, list[Tensor]]:
    """The loss on a batch and its gradients in `parameters` (zeros where it does not depend on one, whose id is added
    to `apart`)."""
    passed = passed_over(model, batch, pass_)
    gradients = slopes(batch.share.weighed(passed.loss), parameters, apart)
    batch.share.sum_(gradients)
    outcome = passed.outcome().over_all(batch.share)
    name = NAMES[pass_.kind]
    finite.require(
        name, outcome.loss, lambda: largest_gradient(model.named_parameters(), parameters, gradients)
    )
    require_finite(model, f"gradient of the {name}", parameters, gradients, finite)
    return outcome, gradients


def weight_step(
    model: SearchModel,
    parts: Sequence[tuple[Batch, Pass]],
    optimizer: torch.optim.Optimizer,
    *,
    clip: float,
    finite: Finite = AT_ONCE,
    scaler: torch.amp.GradScaler | None = None,
    frozen: Sequence[nn.Parameter] = (),
    look: Callable[[list[Tensor | None]], None] | None = None,
) -> Outcome:
    """One step of the weights on a training batch, which may be taken in several parts, at the alphas of now.

    These passes, alone, move batch norm's running statistics, and add the batch's penalty to the loss (the outcome's
    loss is without it). `clip` bounds the norm of the gradient over all weights (0: no bound). `scaler` is for float16.
    Where `finite` raises, no weight has been touched. Weights that are `frozen` rest, with all that the optimiser keeps
    of them. `look` is handed the gradients along `model.weights()`, before they are clipped.
    """
    whole = sum(batch.share.whole for batch, _ in parts) or 1
    optimizer.zero_grad()
    outcomes = []
    with constant([*model.alpha_parameters(), *frozen]):
        for batch, pass_ in parts:
            portion = batch.share.whole / whole if len(parts) > 1 else 1.0
            passed = passed_over(model, batch, pass_)
            objective = passed.loss if passed.penalty is None else passed.loss + passed.penalty
            objective = batch.share.weighed(objective * portion)
            (objective if scaler is None else scaler.scale(objective)).backward()  # type: ignore[no-untyped-call]
            outcomes.append((passed.outcome().over_all(batch.share), portion))
    outcome = together(outcomes)
    fed = [weight for weight in model.weights() if weight.grad is not None]
    gradients = [weight.grad for weight in fed if weight.grad is not None]
    parts[0][0].share.sum_(gradients)
    if look is not None:
        look([weight.grad for weight in model.weights()])
    if scaler is not None:
        scaler.unscale_(optimizer)
    finite.require(
        NAMES["train"], outcome.loss, lambda: largest_gradient(model.named_parameters(), fed, gradients)
    )
    norm = get_total_norm(gradients)
    if scaler is None:  # which passes over such a step, and lowers its scale
        require_finite(model, "weights' gradient", fed, gradients, finite, norm)
    if clip > 0:
        clip_grads_with_norm_(fed, clip, norm)
    if scaler is None:
        advance(optimizer, parts[0][1].step)
    else:
        scaler.step(optimizer)
        scaler.update()
    optimizer.zero_grad()
    return outcome


def require_finite(
    model: SearchModel,
    quantity: str,
    parameters: Sequence[nn.Parameter],
    gradients: Sequence[Tensor],
    finite: Finite,
    norm: Tensor | None = None,
) -> None:
    """Require the norm over all gradients to be finite; `norm`, (), where it is known already."""
    norm = get_total_norm(gradients) if norm is None else norm
    finite.require(quantity, norm, lambda: largest_gradient(model.named_parameters(), parameters, gradients))
