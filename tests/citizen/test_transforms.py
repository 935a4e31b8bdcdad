"""Transforms of torch.func, and checkpoints: as at -O0."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jvp, stack_module_state, vjp, vmap
from torch.utils.checkpoint import checkpoint

from dartsl.nn.supernet import Supernet
from tests.citizen.networks import KINDS, LEVELS, inputs, logits, made, numbers, same

State = dict[str, Tensor]
EVERYWHERE = pytest.mark.parametrize("kind", KINDS)
pytestmark = pytest.mark.filterwarnings(
    "ignore:`torch.jit.script` is (deprecated|not supported)"
)  # in torch's own jvp


def parts(model: Supernet) -> tuple[State, State]:
    """Parameters, and copies of buffers, which a call may move."""
    weights = {name: value.detach() for name, value in model.named_parameters()}
    return weights, {name: value.clone() for name, value in model.named_buffers()}


def call(model: Supernet, weights: State, buffers: State, x: Tensor) -> Tensor:
    given = functional_call(model, {**weights, **buffers}, (x,))
    found: Tensor = given if isinstance(given, Tensor) else given.logits
    return found


def loss(model: Supernet, weights: State, buffers: State, x: Tensor) -> Tensor:
    return call(model, weights, buffers, x).square().mean()


def alike(found: list[Any]) -> None:
    for each in found[1:]:
        same(each, found[0])


@EVERYWHERE
def test_functional_call_moves_the_statistics_that_it_is_given(kind: str) -> None:
    found = []
    for level in LEVELS:
        model = made(kind, level)
        before = copy.deepcopy(model.state_dict())
        weights, buffers = parts(model)
        halves = {name: (value * 0.5).requires_grad_() for name, value in weights.items()}
        given = call(model, halves, buffers, inputs(model))
        given.square().sum().backward()
        found.append((given, buffers, {name: value.grad for name, value in halves.items()}))
        same(dict(model.state_dict()), before)
        assert all(each.grad is None for each in model.parameters())
    alike(found)
    moved = next(name for name in before if name.endswith("running_mean"))
    assert not torch.equal(before[moved], buffers[moved])


@EVERYWHERE
def test_derivatives_of_a_training_pass(kind: str) -> None:
    found = []
    for level in LEVELS:
        model = made(kind, level)
        (weights, buffers), x = parts(model), inputs(model)
        along = {name: torch.ones_like(value) for name, value in weights.items()}

        def of(weights: State, model: Supernet = model, buffers: State = buffers, x: Tensor = x) -> Tensor:
            return loss(model, weights, {name: value.clone() for name, value in buffers.items()}, x)

        gradient, product = jvp(grad(of), (weights,), (along,))  # forward over reverse
        value, pullback = vjp(of, weights)
        found.append((gradient, product, value, pullback(torch.ones_like(value))[0]))
    alike(found)


@EVERYWHERE
def test_vmap_over_networks_and_over_inputs(kind: str) -> None:
    found = []
    for level in LEVELS:
        model = made(kind, level).eval()
        other = copy.deepcopy(model)
        with torch.no_grad():
            for each in other.parameters():
                each.mul_(0.9)
        x = inputs(model)
        weights, buffers = stack_module_state([model, other])  # type: ignore[arg-type]

        def on(weights: State, buffers: State, x: Tensor, model: Supernet = model) -> Tensor:
            return call(model, weights, buffers, x)

        both = vmap(on, in_dims=(0, 0, None))(weights, buffers, x)
        same(both, torch.stack([logits(each, x) for each in (model, other)]))
        own, fixed = parts(model)
        xs = torch.stack([x, x.flip(0)])
        inner = vmap(on, in_dims=(None, None, 0))(own, fixed, xs)

        def of(weights: State, x: Tensor, fixed: State = fixed, model: Supernet = model) -> Tensor:
            return loss(model, weights, fixed, x)

        found.append((both, inner, vmap(grad(of), in_dims=(None, 0))(own, xs)))  # gradients of each input
    alike(found)


@EVERYWHERE
def test_vmap_over_networks_that_train(kind: str) -> None:
    found = []
    for level in LEVELS:
        model = made(kind, level)
        weights, buffers = stack_module_state([model, copy.deepcopy(model)])  # type: ignore[arg-type]

        def on(weights: State, buffers: State, model: Supernet = model) -> Tensor:
            return call(model, weights, buffers, inputs(model))

        found.append((vmap(on, randomness="same")(weights, buffers), buffers))
    alike(found)


@EVERYWHERE
def test_a_checkpoint_computes_the_network_again(kind: str) -> None:
    found = []
    for level in LEVELS:
        model = made(kind, level)
        given = checkpoint(logits, model, inputs(model), use_reentrant=False)
        given.square().sum().backward()
        gradients = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
        found.append((given, gradients, dict(model.named_buffers())))
    alike(found)
    once = numbers(made(kind, 0), 1)
    same(found[0][1], {name: once[f"{name} '"] for name in found[0][1]})
