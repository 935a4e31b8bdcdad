"""One step of the bilevel optimisation: the gradient of the alphas, and the step of the weights.

    min_alpha L_val(w*(alpha), alpha)   s.t.   w*(alpha) = argmin_w L_train(w, alpha)

Source: Liu, Simonyan and Yang, "DARTS", ICLR 2019 (arXiv 1806.09055), equations 5 to 8, and the authors'
implementation. Every pass of the alpha step leaves batch norm's running statistics alone and sees, on one
batch, the same random draws (a plugin's too, which come from torch's own generators: each pass seeds them
anew); the weights come out of it bit for bit as they went in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_, get_total_norm

from dartsl.nn.draws import seed_torch

BatchKind = Literal["train", "validation"]


class Draws(Protocol):
    """Where the random operations of a model take their draws from."""

    def at(self, step: int, batch: BatchKind) -> int: ...


class SearchModel(Protocol):
    """What the bilevel step needs of a supernet (`dartsl.nn.supernet.Supernet` has it)."""

    @property
    def draws(self) -> Draws: ...

    def __call__(self, images: Tensor) -> Tensor: ...

    def weights(self) -> list[nn.Parameter]: ...

    def alpha_parameters(self) -> list[nn.Parameter]: ...

    def frozen_statistics(self) -> AbstractContextManager[Any]: ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...


class Batch(NamedTuple):
    """Images (B, C, H, W), floating, and their labels (B,), int64."""

    images: Tensor
    labels: Tensor


class NonFiniteError(Exception):
    """A loss or a gradient that is not finite: which, and the largest gradient with its parameter."""

    def __init__(self, quantity: str, parameter: str, largest: float) -> None:
        super().__init__(f"the {quantity} is not finite; the largest gradient is {largest} ({parameter})")
        self.quantity = quantity
        self.parameter = parameter
        self.largest = largest


@dataclass(frozen=True)
class Outcome:
    """What one pass over a batch gave: the mean loss, and how many of how many images were right."""

    loss: float
    correct: int
    images: int


@dataclass(frozen=True)
class AlphaGradient:
    """The alphas' gradients, along `model.alpha_parameters()`, and what the validation batch gave.

    With order 2 and exact the outcome is that of the unrolled weights w'.
    """

    gradients: list[Tensor]
    outcome: Outcome


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
    differentiating twice (exact). The virtual step is not clipped. `unroll` is needed by both.
    `step` keys the random draws. Raises NonFiniteError, with the weights restored.
    """
    alphas = model.alpha_parameters()
    with model.frozen_statistics():
        if order == "1":
            with _constant(model.weights()):
                outcome, gradients = _pass(model, validation, "validation", alphas, step)
            return AlphaGradient(gradients, outcome)
        if order not in ("2", "exact"):
            raise ValueError(f"order must be 1, 2 or exact, not {order}")
        if unroll is None:
            raise ValueError(f"order {order} needs the virtual step of the weights")
        outcome, gradients, direction = _at_virtual_weights(model, train, validation, unroll, step)
        if order == "2":
            hvp = _difference_hvp(model, train, direction, r, step)
        else:
            hvp = _exact_hvp(model, train, direction, step)
    torch._foreach_add_(gradients, hvp, alpha=-unroll.xi)
    _require_finite(model, "alphas' gradient", alphas, gradients)
    return AlphaGradient(gradients, outcome)


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
    with _constant(model.alpha_parameters()):
        logits = _logits(model, batch, "train", step)
        loss = F.cross_entropy(logits, batch.labels)
        loss.backward()  # type: ignore[no-untyped-call]
    outcome = _outcome(loss, logits, batch)
    fed = [weight for weight in weights if weight.grad is not None]
    gradients = [weight.grad for weight in fed if weight.grad is not None]
    if not math.isfinite(outcome.loss):
        raise NonFiniteError("training loss", *_largest(model, fed, gradients))
    _require_finite(model, "weights' gradient", fed, gradients)
    if clip > 0:
        clip_grad_norm_(fed, clip)
    optimizer.step()
    optimizer.zero_grad()
    return outcome


@torch.no_grad()
def measure(model: SearchModel, batch: Batch, kind: BatchKind, step: int = 0) -> Outcome:
    """The loss and the right answers on a batch, in training mode; nothing changes. Raises NonFiniteError."""
    with model.frozen_statistics():
        logits = _logits(model, batch, kind, step)
    outcome = _outcome(F.cross_entropy(logits, batch.labels), logits, batch)
    if not math.isfinite(outcome.loss):
        name = "training" if kind == "train" else "validation"
        raise NonFiniteError(f"{name} loss", "no parameter (none was taken)", 0.0)
    return outcome


def _at_virtual_weights(
    model: SearchModel, train: Batch, validation: Batch, unroll: Unroll, step: int
) -> tuple[Outcome, list[Tensor], list[Tensor]]:
    """The validation pass at w': its outcome, grad_alpha L_val and v = grad_w' L_val."""
    weights, alphas = model.weights(), model.alpha_parameters()
    with _constant(alphas):
        _, change = _pass(model, train, "train", weights, step)
    with torch.no_grad():
        torch._foreach_add_(change, list[Tensor](weights), alpha=unroll.weight_decay)
        for slope, buffer in zip(change, unroll.buffers, strict=True):
            if buffer is not None:
                slope.add_(buffer, alpha=unroll.momentum)
    with _restored(weights):
        _shift(weights, change, -unroll.xi)
        outcome, gradients = _pass(model, validation, "validation", [*alphas, *weights], step)
    return outcome, gradients[: len(alphas)], gradients[len(alphas) :]


def _difference_hvp(
    model: SearchModel, train: Batch, direction: list[Tensor], r: float, step: int
) -> list[Tensor]:
    """(grad_alpha L_train(w+) - grad_alpha L_train(w-)) / (2 eps) with w+- = w +- eps v, eps = r / |v|.

    Equation 8 of the paper; one norm over all weights.
    """
    weights, alphas = model.weights(), model.alpha_parameters()
    norm = get_total_norm(direction).item()
    if norm == 0.0:  # the validation loss does not depend on the weights here: no term to add
        return [torch.zeros_like(alpha) for alpha in alphas]
    eps = r / norm
    sides: list[list[Tensor]] = []
    with _constant(weights):
        for sign in (1.0, -1.0):
            with _restored(weights):
                _shift(weights, direction, sign * eps)
                sides.append(_pass(model, train, "train", alphas, step)[1])
    above, below = sides
    torch._foreach_sub_(above, below)
    torch._foreach_div_(above, 2.0 * eps)
    return above


def _exact_hvp(model: SearchModel, train: Batch, direction: list[Tensor], step: int) -> list[Tensor]:
    """d/d alpha <grad_w L_train(w, alpha), v>, by differentiating twice."""
    weights, alphas = model.weights(), model.alpha_parameters()
    loss = F.cross_entropy(_logits(model, train, "train", step), train.labels)
    slopes = torch.autograd.grad(loss, weights, create_graph=True, materialize_grads=True)
    product = torch.stack([(slope * v).sum() for slope, v in zip(slopes, direction, strict=True)]).sum()
    if not product.requires_grad:  # no weight's gradient depends on the alphas
        return [torch.zeros_like(alpha) for alpha in alphas]
    return list(torch.autograd.grad(product, alphas, materialize_grads=True))


def _pass(
    model: SearchModel, batch: Batch, kind: BatchKind, parameters: Sequence[nn.Parameter], step: int
) -> tuple[Outcome, list[Tensor]]:
    """The loss on a batch and its gradients in `parameters` (zeros where it does not depend on one)."""
    logits = _logits(model, batch, kind, step)
    loss = F.cross_entropy(logits, batch.labels)
    gradients = list(torch.autograd.grad(loss, parameters, materialize_grads=True))
    outcome = _outcome(loss, logits, batch)
    name = "training" if kind == "train" else "validation"
    if not math.isfinite(outcome.loss):
        raise NonFiniteError(f"{name} loss", *_largest(model, parameters, gradients))
    _require_finite(model, f"gradient of the {name} loss", parameters, gradients)
    return outcome, gradients


def _logits(model: SearchModel, batch: Batch, kind: BatchKind, step: int) -> Tensor:
    """(B, classes); all passes over one step's batch of a kind see the same random draws."""
    seed_torch(model.draws.at(step, kind), batch.images.device)
    return model(batch.images)


def _outcome(loss: Tensor, logits: Tensor, batch: Batch) -> Outcome:
    correct = int((logits.detach().argmax(dim=1) == batch.labels).sum())
    return Outcome(float(loss.detach()), correct, len(batch.labels))


def _require_finite(
    model: SearchModel, quantity: str, parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor]
) -> None:
    if gradients and not math.isfinite(get_total_norm(gradients).item()):
        raise NonFiniteError(quantity, *_largest(model, parameters, gradients))


def _largest(
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
def _shift(weights: Sequence[Tensor], direction: Sequence[Tensor], amount: float) -> None:
    torch._foreach_add_(list(weights), list(direction), alpha=amount)


@contextmanager
def _restored(weights: Sequence[Tensor]) -> Iterator[None]:
    """Whatever happens to the weights inside, they come out bit for bit as they went in (from a copy)."""
    values = list(weights)
    saved = [weight.detach().clone() for weight in values]
    try:
        yield
    finally:
        with torch.no_grad():
            torch._foreach_copy_(values, saved)


@contextmanager
def _constant(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Inside, autograd builds and keeps nothing for these parameters."""
    held = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in held:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(True)
