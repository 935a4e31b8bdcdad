"""OLES (Jiang et al., NeurIPS 2023): operations freeze where their gradients on both batches of a step disagree."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.func import functional_call

from .bilevel import Batch, Search, Tensors, gradients, loss_of, moved
from .networks import alphas_of, weights_of


def operation_of(name: str) -> str | None:
    """`cells.1.edges.0_1.ops.sep_conv_3x3` of a weight of it; None for one outside of edges."""
    return name.rsplit(".", 2)[0] if ".edges." in name else None


def cosine(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The mean over all columns, along the first dimension, of the cosine between both."""
    ones, others = one.reshape(len(one), -1), other.reshape(len(other), -1)
    found = []
    for column in range(ones.shape[1]):
        a, b = ones[:, column], others[:, column]
        found.append((a * b).sum() / (a.norm().clamp(min=1e-8) * b.norm().clamp(min=1e-8)))
    return torch.stack(found).mean()


@dataclass
class FreezingSearch(Search):
    """A search whose operations may freeze."""

    threshold: float = 0.4
    every: int = 20
    scores: dict[str, list[float]] = field(default_factory=dict)
    frozen: set[str] = field(default_factory=set)

    def rests(self, name: str) -> bool:
        return operation_of(name) in self.frozen

    def loss_gradient(self, train: Batch, validation: Batch, xi: float) -> Tensors:
        if self.settings.order == "1":
            self.on_validation, slope = gradients(self.model, validation)
            return slope
        self.on_validation, slope = gradients(self.unrolled(train, xi), validation)
        if self.settings.order == "exact":
            return self.through_the_step(train, validation, xi)
        v = {name: torch.zeros_like(g) if self.rests(name) else g for name, g in self.on_validation.items()}
        hvp = self.finite_difference(train, v)
        return {name: slope[name] - xi * hvp[name] for name in slope}

    def changes(self, slope: Tensors) -> Tensors:
        return {
            name: torch.zeros_like(parameter)
            if self.rests(name)
            else slope[name]
            + self.settings.momentum * self.buffers[name]
            + self.settings.weight_decay * parameter
            for name, parameter in weights_of(self.model).items()
        }

    def unrolled(self, train: Batch, xi: float) -> nn.Module:
        slope, _ = gradients(self.model, train)
        with torch.no_grad():
            change = self.changes(slope)
        return moved(self.model, change, -xi)

    def through_the_step(self, train: Batch, validation: Batch, xi: float) -> Tensors:
        model = copy.deepcopy(self.model)
        weights, alphas = weights_of(model), alphas_of(model)
        slope = torch.autograd.grad(loss_of(model, train), list(weights.values()), create_graph=True)
        change = self.changes(dict(zip(weights, slope, strict=True)))
        stepped: Tensors = {f"alphas.{name}": parameter for name, parameter in alphas.items()}
        stepped |= {name: parameter - xi * change[name] for name, parameter in weights.items()}
        loss = nn.functional.cross_entropy(functional_call(model, stepped, (validation[0],)), validation[1])
        return dict(zip(alphas, torch.autograd.grad(loss, list(alphas.values())), strict=True))

    def weight_step(self, train: Batch, xi: float) -> float:
        weights = weights_of(self.model)
        self.model.zero_grad()
        loss = loss_of(self.model, train)
        loss.backward()
        self.on_train = {name: p.grad.clone() for name, p in weights.items()}
        learning = {name: p for name, p in weights.items() if not self.rests(name)}
        norm = float(sum((p.grad**2).sum() for p in learning.values()).sqrt())
        scale = min(1.0, self.settings.clip / (norm + 1e-6)) if self.settings.clip else 1.0
        with torch.no_grad():
            for name, parameter in learning.items():
                g = scale * parameter.grad + self.settings.weight_decay * parameter
                self.buffers[name] = self.settings.momentum * self.buffers[name] + g
                parameter.sub_(xi * self.buffers[name])
        return float(loss.detach())

    def step(self, train: Batch, validation: Batch, xi: float) -> float:
        loss = super().step(train, validation, xi)
        cosines: dict[str, list[torch.Tensor]] = {}
        for name, slope in self.on_train.items():
            operation = operation_of(name)
            if operation is not None and operation not in self.frozen:
                cosines.setdefault(operation, []).append(cosine(slope, self.on_validation[name]))
        for operation, found in cosines.items():
            self.scores.setdefault(operation, []).append(float(torch.stack(found).mean()))
            whole = len(self.scores[operation]) == self.every
            if whole and sum(self.scores.pop(operation)) / self.every < self.threshold:
                self.frozen.add(operation)
        return loss
