"""The bilevel step over text: windows in order, carried states, a clipped virtual step, lr by window.

As `bilevel`, every pass runs on a copy of the whole model but the weight step's.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from .recurrent import LanguageModel, Masks, Pass, loss_of, regularisation, text_alphas, text_weights

Tensors = dict[str, torch.Tensor]
TIED = "encoder"


@dataclass(frozen=True)
class Window:
    """Tokens and the words that follow them, (T, B) both, and the masks of the window's passes."""

    tokens: torch.Tensor
    targets: torch.Tensor
    masks: Masks


@dataclass(frozen=True)
class TextSettings:
    """What the step depends on besides model and data; rates and decays as in the search on Penn Treebank."""

    order: str = "1"
    lr: float = 20.0
    bptt: int = 35
    clip: float = 0.25
    weight_decay: float = 5e-7
    ar: float = 0.0
    tar: float = 1e-3
    alphas_lr: float = 3e-3
    alphas_betas: tuple[float, float] = (0.9, 0.999)
    alphas_decay: float = 1e-3
    r: float = 0.01


def columns(tokens: torch.Tensor, batch: int) -> torch.Tensor:
    """A text (N,) as (rows, batch): a column each for `batch` stretches of it; what does not fit is cut off."""
    rows = len(tokens) // batch
    return torch.stack([tokens[column * rows : (column + 1) * rows] for column in range(batch)], dim=1)


def window_at(text: torch.Tensor, start: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and targets of the rows from `start`, at most `length` of them; every token has a successor."""
    end = min(start + length, len(text) - 1)
    return text[start:end], text[start + 1 : end + 1]


def norm_of(tensors: Tensors) -> float:
    return math.sqrt(sum(float((tensor**2).sum()) for tensor in tensors.values()))


def moved(model: LanguageModel, direction: Tensors, length: float) -> LanguageModel:
    """A copy of the model with `length * direction` added to the weights that `direction` names."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        for name, parameter in text_weights(model).items():
            if name in direction:
                parameter.add_(direction[name], alpha=length)
    return model


def gradients(model: nn.Module, window: Window, carry: torch.Tensor) -> tuple[Tensors, Tensors, torch.Tensor]:
    """Gradients of the plain loss for weights and alphas, and the state after the window, on a copy."""
    model = copy.deepcopy(model)
    weights, alphas = text_weights(model), text_alphas(model)
    found: Pass = model(window.tokens, carry, window.masks)
    loss = loss_of(found, window.targets)
    slopes = torch.autograd.grad(loss, [*weights.values(), *alphas.values()])
    by_name = dict(zip([*weights, *alphas], slopes, strict=True))
    state = found.carry.detach()
    return {n: by_name[n] for n in weights}, {n: by_name[n] for n in alphas}, state


@dataclass
class TextSearch:
    """The state of a search: the model, both carried states, Adam's moments."""

    model: LanguageModel
    settings: TextSettings
    train_carry: torch.Tensor
    validation_carry: torch.Tensor
    first: Tensors = field(default_factory=dict)
    second: Tensors = field(default_factory=dict)
    steps: int = 0

    def __post_init__(self) -> None:
        self.first = {name: torch.zeros_like(p) for name, p in text_alphas(self.model).items()}
        self.second = {name: torch.zeros_like(p) for name, p in text_alphas(self.model).items()}

    def rate(self, window: Window) -> float:
        """The learning rate of a step: scaled by the training window's length."""
        return self.settings.lr * len(window.tokens) / self.settings.bptt

    def ratio(self, slopes: Tensors) -> float:
        """c = clip / (|slopes| + 1e-6), not capped."""
        return self.settings.clip / (norm_of(slopes) + 1e-6)

    def virtual(self, train: Window) -> tuple[LanguageModel, float]:
        """A copy at w' = w - xi * (min(1, c) * G + weight_decay * w), the tied embedding left out; and c."""
        slopes, _, _ = gradients(self.model, train, self.train_carry)
        c = self.ratio(slopes)
        change = {
            name: min(1.0, c) * slopes[name] + self.settings.weight_decay * parameter.detach()
            for name, parameter in text_weights(self.model).items()
            if name != TIED
        }
        return moved(self.model, change, -self.rate(train)), c

    def finite_difference(self, train: Window, v: Tensors) -> Tensors:
        """(grad_alpha L_train(w+) - grad_alpha L_train(w-)) / (2 eps), eps = r / |v|, embedding included."""
        eps = self.settings.r / norm_of(v)
        above = gradients(moved(self.model, v, eps), train, self.train_carry)[1]
        below = gradients(moved(self.model, v, -eps), train, self.train_carry)[1]
        return {name: (above[name] - below[name]) / (2 * eps) for name in above}

    def exact_product(self, train: Window, v: Tensors) -> Tensors:
        """d/d alpha of <grad_w L_train(w, alpha), v>, by double backward."""
        model = copy.deepcopy(self.model)
        weights, alphas = text_weights(model), text_alphas(model)
        loss = loss_of(model(train.tokens, self.train_carry, train.masks), train.targets)
        slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        inner = sum((slope * v[name]).sum() for name, slope in zip(weights, slopes, strict=True))
        return dict(zip(alphas, torch.autograd.grad(inner, list(alphas.values())), strict=True))

    def alpha_gradient(self, train: Window, validation: Window) -> tuple[Tensors, torch.Tensor]:
        """The gradient of the order that the settings name, and the state after the validation window."""
        if self.settings.order == "1":
            _, slopes, carry = gradients(self.model, validation, self.validation_carry)
            return slopes, carry
        model, c = self.virtual(train)
        v, slopes, carry = gradients(model, validation, self.validation_carry)
        scale = min(1.0, self.ratio(v))
        v = {name: scale * tensor for name, tensor in v.items()}
        product = self.exact_product if self.settings.order == "exact" else self.finite_difference
        hvp = product(train, v)
        return {name: slopes[name] - self.rate(train) * c * hvp[name] for name in slopes}, carry

    def alpha_step(self, train: Window, validation: Window) -> None:
        """One step of Adam with coupled weight decay (arXiv 1412.6980, algorithm 1, L2 in the gradient)."""
        slopes, self.validation_carry = self.alpha_gradient(train, validation)
        self.steps += 1
        beta1, beta2 = self.settings.alphas_betas
        for name, alpha in text_alphas(self.model).items():
            g = slopes[name] + self.settings.alphas_decay * alpha.detach()
            self.first[name] = beta1 * self.first[name] + (1 - beta1) * g
            self.second[name] = beta2 * self.second[name] + (1 - beta2) * g**2
            mean = self.first[name] / (1 - beta1**self.steps)
            spread = self.second[name] / (1 - beta2**self.steps)
            with torch.no_grad():
                alpha.sub_(self.settings.alphas_lr * mean / (spread.sqrt() + 1e-8))

    def weight_slopes(self, train: Window) -> tuple[Tensors, float, torch.Tensor]:
        """Gradients of the loss with AR and TAR, the loss without, and the state; moves running statistics."""
        weights = text_weights(self.model)
        found = self.model(train.tokens, self.train_carry, train.masks)
        loss = loss_of(found, train.targets)
        whole = loss + regularisation(found, self.settings.ar, self.settings.tar)
        slopes = torch.autograd.grad(whole, list(weights.values()))
        return dict(zip(weights, slopes, strict=True)), float(loss.detach()), found.carry.detach()

    def weight_step(self, train: Window) -> float:
        """One step of plain SGD on clipped gradients; the training loss before it."""
        slopes, loss, self.train_carry = self.weight_slopes(train)
        scale = min(1.0, self.ratio(slopes))
        with torch.no_grad():
            for name, parameter in text_weights(self.model).items():
                step = scale * slopes[name] + self.settings.weight_decay * parameter
                parameter.sub_(self.rate(train) * step)
        return loss

    def step(self, train: Window, validation: Window) -> float:
        """The alpha step, then the weight step at the new alpha, both states carried on."""
        self.alpha_step(train, validation)
        return self.weight_step(train)


def averaging_starts(losses: Sequence[float], span: int = 5) -> int | None:
    """The epoch, from 0, after which SGD gives way to ASGD: its validation loss exceeds the least of all
    earlier epochs' but the last `span`. None where it never does."""
    for epoch, loss in enumerate(losses):
        earlier = losses[:epoch]
        old = earlier[: max(0, len(earlier) - span)]
        if old and loss > min(old):
            return epoch
    return None
