"""The bilevel step (arXiv 1806.09055, equations 5 to 8 and A.1): every pass on a copy of the whole model."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.func import functional_call

from .networks import alphas_of, weights_of

Batch = tuple[torch.Tensor, torch.Tensor]
Tensors = dict[str, torch.Tensor]


def loss_of(model: nn.Module, batch: Batch) -> torch.Tensor:
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


Objective = Callable[[torch.Tensor, Tensors], torch.Tensor]  # of a loss and the alphas by cell


def alone(loss: torch.Tensor, alphas: Tensors) -> torch.Tensor:
    return loss


def gradients(model: nn.Module, batch: Batch, objective: Objective = alone) -> tuple[Tensors, Tensors]:
    """Gradients of what is made of the loss, for weights that it depends on and for alphas, on a copy of the model."""
    model = copy.deepcopy(model)
    model.zero_grad()
    objective(loss_of(model, batch), alphas_of(model)).backward()
    weights = {name: p.grad for name, p in weights_of(model).items() if p.grad is not None}
    return weights, {name: p.grad for name, p in alphas_of(model).items()}


def moved(model: nn.Module, direction: Tensors, length: float) -> nn.Module:
    """A copy of the model with `length * direction` added to its weights; others stay."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        for name, parameter in weights_of(model).items():
            if name in direction:
                parameter.add_(direction[name], alpha=length)
    return model


def derivatives(loss: torch.Tensor, weights: Tensors) -> Tensors:
    """Its gradients in those that it depends on, to be differentiated again."""
    found = torch.autograd.grad(loss, list(weights.values()), create_graph=True, allow_unused=True)
    return {name: g for name, g in zip(weights, found, strict=True) if g is not None}


@dataclass
class Settings:
    """What the step depends on besides model and data."""

    order: str = "1"
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 3e-4
    clip: float = 5.0
    alphas_lr: float = 3e-4
    alphas_betas: tuple[float, float] = (0.5, 0.999)
    alphas_decay: float = 1e-3
    r: float = 0.01
    weights_first: bool = False
    alphas_clip: float = 0.0


@dataclass
class Search:
    """The state of a search: the model, SGD's momentum buffers, Adam's moments."""

    model: nn.Module
    settings: Settings
    buffers: Tensors = field(default_factory=dict)
    first: Tensors = field(default_factory=dict)
    second: Tensors = field(default_factory=dict)
    steps: int = 0
    norms: list[float] = field(default_factory=list)  # of the alphas' gradients, before they are clipped
    penalty: Callable[[Tensors], torch.Tensor] | None = (
        None  # of the alphas by cell, added to the validation loss
    )
    objective: Objective = alone  # what the alphas minimise in the place of the validation loss

    def __post_init__(self) -> None:
        self.buffers = {name: torch.zeros_like(p) for name, p in weights_of(self.model).items()}
        self.first = {name: torch.zeros_like(p) for name, p in alphas_of(self.model).items()}
        self.second = {name: torch.zeros_like(p) for name, p in alphas_of(self.model).items()}

    def change(self, name: str, slope: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """By what xi times a step of SGD moves a weight, given the gradient (torch.optim.SGD's formula)."""
        g = slope + self.settings.weight_decay * weight
        buffer = self.settings.momentum * self.buffers[name] + g
        return g + self.settings.momentum * buffer if self.settings.nesterov else buffer

    def unrolled(self, train: Batch, xi: float) -> nn.Module:
        """A copy of the model at w', where a step of SGD on the training batch would lead."""
        slope, _ = gradients(self.model, train)
        for name, parameter in weights_of(self.model).items():
            if name in slope:
                slope[name] = self.change(name, slope[name], parameter.detach())
        return moved(self.model, slope, -xi)

    def finite_difference(self, train: Batch, v: Tensors) -> Tensors:
        """(grad_alpha L_train(w+) - grad_alpha L_train(w-)) / (2 eps), eps = r / ||v||."""
        norm = sum((tensor**2).sum() for tensor in v.values()).sqrt()
        eps = float(self.settings.r / norm)
        _, above = gradients(moved(self.model, v, eps), train)
        _, below = gradients(moved(self.model, v, -eps), train)
        return {name: (above[name] - below[name]) / (2 * eps) for name in above}

    def exact_product(self, train: Batch, v: Tensors) -> Tensors:
        """d/d alpha of <grad_w L_train(w, alpha), v>, by double backward."""
        model = copy.deepcopy(self.model)
        weights, alphas = weights_of(model), alphas_of(model)
        slope = derivatives(loss_of(model, train), weights)
        inner = sum((g * v[name]).sum() for name, g in slope.items() if name in v)
        return dict(zip(alphas, torch.autograd.grad(inner, list(alphas.values())), strict=True))

    def through_the_step(self, train: Batch, validation: Batch, xi: float) -> Tensors:
        """d/d alpha of L_val(w'(alpha), alpha), w' differentiated as the function of alpha that it is."""
        model = copy.deepcopy(self.model)
        weights, alphas = weights_of(model), alphas_of(model)
        slope = derivatives(loss_of(model, train), weights)
        stepped: Tensors = {f"alphas.{name}": parameter for name, parameter in alphas.items()}
        for name, g in slope.items():
            stepped[name] = weights[name] - xi * self.change(name, g, weights[name])
        logits = functional_call(model, stepped, (validation[0],))
        loss = nn.functional.cross_entropy(logits, validation[1])
        whole = self.objective(loss, dict(alphas))
        return dict(zip(alphas, torch.autograd.grad(whole, list(alphas.values())), strict=True))

    def alpha_gradient(self, train: Batch, validation: Batch, xi: float) -> Tensors:
        """The gradient of the order that the settings name, by cell, that of the penalty included."""
        slope = self.loss_gradient(train, validation, xi)
        if self.penalty is None:
            return slope
        alphas = alphas_of(self.model)
        added = torch.autograd.grad(self.penalty(dict(alphas)), list(alphas.values()), allow_unused=True)
        return {
            name: slope[name] if g is None else slope[name] + g for name, g in zip(alphas, added, strict=True)
        }

    def loss_gradient(self, train: Batch, validation: Batch, xi: float) -> Tensors:
        """That of the loss alone."""
        if self.settings.order == "1":
            return gradients(self.model, validation, self.objective)[1]
        if self.settings.order == "exact":
            return self.through_the_step(train, validation, xi)
        v, slope = gradients(self.unrolled(train, xi), validation, self.objective)
        hvp = self.finite_difference(train, v)
        share = 1 + self.settings.momentum if self.settings.nesterov else 1
        return {name: slope[name] - xi * share * hvp[name] for name in slope}

    def alpha_step(self, train: Batch, validation: Batch, xi: float) -> None:
        """One step of Adam with coupled weight decay (arXiv 1412.6980, algorithm 1, L2 in the gradient)."""
        slope = self.alpha_gradient(train, validation, xi)
        if self.settings.alphas_clip:
            norm = float(sum((g**2).sum() for g in slope.values()).sqrt())
            self.norms.append(norm)
            scale = min(1.0, self.settings.alphas_clip / (norm + 1e-6))
            slope = {name: scale * g for name, g in slope.items()}
        self.steps += 1
        beta1, beta2 = self.settings.alphas_betas
        for name, alpha in alphas_of(self.model).items():
            g = slope[name] + self.settings.alphas_decay * alpha.detach()
            self.first[name] = beta1 * self.first[name] + (1 - beta1) * g
            self.second[name] = beta2 * self.second[name] + (1 - beta2) * g**2
            mean = self.first[name] / (1 - beta1**self.steps)
            spread = self.second[name] / (1 - beta2**self.steps)
            with torch.no_grad():
                alpha.sub_(self.settings.alphas_lr * mean / (spread.sqrt() + 1e-8))

    def weight_step(self, train: Batch, xi: float) -> float:
        """One step of SGD with momentum on clipped gradients; this pass alone moves running statistics.

        A weight that the loss does not depend on has no gradient: it stays, and its momentum too (torch.optim.SGD).

        Returns the training loss before the step.
        """
        self.model.zero_grad()
        loss = loss_of(self.model, train)
        loss.backward()
        weights = {name: p for name, p in weights_of(self.model).items() if p.grad is not None}
        norm = float(sum((p.grad**2).sum() for p in weights.values()).sqrt())
        scale = min(1.0, self.settings.clip / (norm + 1e-6)) if self.settings.clip else 1.0
        with torch.no_grad():
            for name, parameter in weights.items():
                change = self.change(name, scale * parameter.grad, parameter)
                g = scale * parameter.grad + self.settings.weight_decay * parameter
                self.buffers[name] = self.settings.momentum * self.buffers[name] + g
                parameter.sub_(xi * change)
        return float(loss.detach())

    def step(self, train: Batch, validation: Batch, xi: float) -> float:
        """The alpha step, then the weight step at the new alpha; or the other way round (arXiv 1910.04465)."""
        if self.settings.weights_first:
            loss = self.weight_step(train, xi)
            self.alpha_step(train, validation, xi)
            return loss
        self.alpha_step(train, validation, xi)
        return self.weight_step(train, xi)
