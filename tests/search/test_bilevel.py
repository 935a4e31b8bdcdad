"""The bilevel step against derivatives in closed form, and what it must leave alone."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from dartsl.nn.passing import PLAIN, Pass
from dartsl.searching.bilevel import Unroll, alpha_gradient
from dartsl.searching.method import learning_rate
from dartsl.searching.step import alpha_step
from dartsl.step.batches import ImageBatch
from dartsl.step.finite import NonFiniteError
from dartsl.step.gradients import measure, weight_step

T, V = 0.9, -1.7  # the image of the training batch and of the validation batch, both of class 0


def scalar_batch(x: float) -> ImageBatch:
    return ImageBatch(torch.full((1, 1, 1, 1), x, dtype=torch.float64), torch.zeros(1, dtype=torch.int64))


def image_batch(seed: int, size: int = 6) -> ImageBatch:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(size, 1, 5, 5, generator=generator, dtype=torch.float64)
    return ImageBatch(images, torch.randint(0, 4, (size,), generator=generator))


def sigmoid(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-z))


def hypergradient(w: float, a: float, *, xi: float, momentum: float, buf: float, decay: float) -> float:
    """d/da L_val(w'(a), a) for logits (a w x, 0) and label 0, by hand."""
    s = sigmoid(a * w * T)
    virtual = w - xi * (momentum * buf + (s - 1) * a * T + decay * w)
    outer = sigmoid(a * virtual * V) - 1
    mixed = T * ((s - 1) + a * s * (1 - s) * w * T)  # d/da of grad_w L_train
    return outer * virtual * V - xi * (outer * a * V) * mixed


def test_first_order_is_the_gradient_at_the_weights(scalar_model: Any) -> None:
    found = alpha_gradient(scalar_model, scalar_batch(T), scalar_batch(V), "1", step=3)
    expected = (sigmoid(1.3 * 0.7 * V) - 1) * 0.7 * V
    assert found.gradients[0].item() == pytest.approx(expected, rel=1e-14)
    assert scalar_model.asked == [(3, "validation")]


@pytest.mark.parametrize(("order", "tolerance"), [("exact", 1e-13), ("2", 1e-7)])
@pytest.mark.parametrize("buf", [None, 0.4])
def test_unrolled_orders_are_the_hypergradient(
    scalar_model: Any, order: str, tolerance: float, buf: float | None
) -> None:
    buffer = None if buf is None else torch.tensor([buf], dtype=torch.float64)
    unroll = Unroll(0.3, 0.9, 0.05, [buffer])
    found = alpha_gradient(
        scalar_model, scalar_batch(T), scalar_batch(V), order, unroll=unroll, r=1e-4, step=1
    )
    expected = hypergradient(0.7, 1.3, xi=0.3, momentum=0.9, buf=buf or 0.0, decay=0.05)
    assert found.gradients[0].item() == pytest.approx(expected, rel=tolerance)
    # The virtual step's pass, the validation pass and all of the hvp's, each on its batch's own draws.
    hvp_passes = 2 if order == "2" else 1
    assert scalar_model.asked == [(1, "train"), (1, "validation"), *[(1, "train")] * hvp_passes]


def test_finite_difference_converges_as_r_squared(mixed_model: Any) -> None:
    train, validation = image_batch(1), image_batch(2)
    unroll = Unroll(0.1, 0.9, 3e-4, [None] * len(mixed_model.weights()))
    exact = alpha_gradient(mixed_model, train, validation, "exact", unroll=unroll).gradients[0]
    errors = []
    for r in (1e-1, 1e-2, 1e-3):
        near = alpha_gradient(mixed_model, train, validation, "2", unroll=unroll, r=r).gradients[0]
        errors.append(float((near - exact).norm() / exact.norm()))
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(100, rel=0.1)


def test_draws_from_torchs_own_generators_are_those_of_the_batch(mixed_model: Any) -> None:
    """A plugin may hold a dropout: both sides of the difference, and the exact product, drop the same."""
    mixed_model.head.register_forward_pre_hook(lambda _module, inputs: F.dropout(inputs[0], 0.5))
    train, validation = image_batch(1), image_batch(2)
    unroll = Unroll(0.1, 0.9, 3e-4, [None] * len(mixed_model.weights()))
    near = alpha_gradient(mixed_model, train, validation, "2", unroll=unroll, r=1e-3).gradients[0]
    exact = alpha_gradient(mixed_model, train, validation, "exact", unroll=unroll).gradients[0]
    assert float((near - exact).norm() / exact.norm()) < 1e-4


@pytest.mark.parametrize("order", ["1", "2", "exact"])
def test_the_alpha_step_touches_nothing_but_alphas(mixed_model: Any, order: str) -> None:
    before = {name: value.clone() for name, value in mixed_model.state_dict().items()}
    unroll = Unroll(0.1, 0.9, 3e-4, [None] * len(mixed_model.weights()))
    gradient = alpha_gradient(mixed_model, image_batch(1), image_batch(2), order, unroll=unroll)
    after = mixed_model.state_dict()
    untouched = [name for name in before if not name.endswith("num_batches_tracked")]
    assert all(torch.equal(before[name], after[name]) for name in untouched)
    assert all(p.grad is None and p.requires_grad for p in mixed_model.parameters())
    optimizer = torch.optim.Adam(mixed_model.alpha_parameters(), lr=0.1)
    alpha_step(mixed_model, optimizer, gradient)
    assert not torch.equal(before["alpha"], mixed_model.alpha)
    assert all(torch.equal(before[n], mixed_model.state_dict()[n]) for n in untouched if n != "alpha")


def test_unrolling_follows_the_optimiser(mixed_model: Any) -> None:
    """`Unroll.of` foretells the very weights that SGD then steps to (when nothing is clipped)."""
    optimizer = torch.optim.SGD(mixed_model.weights(), lr=0.2, momentum=0.9, weight_decay=0.01)
    batch = image_batch(1)
    for _ in range(2):  # once without a momentum buffer, once with it
        weights = mixed_model.weights()
        unroll = Unroll.of(optimizer, weights)
        slopes = torch.autograd.grad(F.cross_entropy(mixed_model(batch.images), batch.labels), weights)
        expected = []
        for w, g, buf in zip(weights, slopes, unroll.buffers, strict=True):
            momentum = 0 if buf is None else 0.9 * buf
            expected.append((w - 0.2 * (momentum + g + 0.01 * w)).detach())
        weight_step(mixed_model, [(batch, PLAIN)], optimizer, clip=0)
        for w, value in zip(weights, expected, strict=True):
            assert torch.allclose(w, value, rtol=1e-12, atol=1e-14)


def test_the_weight_step_clips_weights_and_leaves_alphas(mixed_model: Any) -> None:
    optimizer = torch.optim.SGD(mixed_model.weights(), lr=1.0)
    before = [w.detach().clone() for w in mixed_model.weights()]
    alpha = mixed_model.alpha.detach().clone()
    outcome = weight_step(mixed_model, [(image_batch(1), Pass(7))], optimizer, clip=1e-3)
    moved = [w.detach() - b for w, b in zip(mixed_model.weights(), before, strict=True)]
    assert torch.nn.utils.get_total_norm(moved).item() == pytest.approx(1e-3, rel=1e-3)
    assert torch.equal(alpha, mixed_model.alpha)
    assert mixed_model.alpha.grad is None
    assert outcome.count == 6
    assert outcome.correct is not None
    assert 0 <= int(outcome.correct) <= 6
    assert mixed_model.asked == [(7, "train")]


@pytest.mark.parametrize("order", ["1", "2", "exact"])
def test_what_is_not_finite_is_named_and_weights_stay(mixed_model: Any, order: str) -> None:
    with torch.no_grad():
        mixed_model.head.weight[0, 0] = math.inf
    before = [w.detach().clone() for w in mixed_model.weights()]
    unroll = Unroll(0.1, 0.9, 0.0, [None] * len(before))
    with pytest.raises(NonFiniteError, match="loss is not finite"):
        alpha_gradient(mixed_model, image_batch(1), image_batch(2), order, unroll=unroll)
    optimizer = torch.optim.SGD(mixed_model.weights(), lr=1.0)
    with pytest.raises(NonFiniteError, match="training loss") as caught:
        weight_step(mixed_model, [(image_batch(1), PLAIN)], optimizer, clip=5)
    assert caught.value.parameter in dict(mixed_model.named_parameters())
    assert all(torch.equal(w, b) for w, b in zip(mixed_model.weights(), before, strict=True))


def test_measuring_changes_nothing(mixed_model: Any) -> None:
    before = {name: value.clone() for name, value in mixed_model.state_dict().items()}
    measure(mixed_model, image_batch(1), Pass(4, "validation", frozen=True))
    for name, value in mixed_model.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(before[name], value)
    assert mixed_model.asked == [(4, "validation")]


def test_the_schedule_is_darts_own() -> None:
    for epoch in (0, 1, 25, 49):
        expected = 0.001 + 0.012 * (1 + math.cos(math.pi * epoch / 50))
        assert learning_rate(epoch, 50, 0.025, 0.001) == pytest.approx(expected, rel=1e-15)


def test_an_order_that_is_none_is_refused(scalar_model: Any) -> None:
    with pytest.raises(ValueError, match="order must be"):
        alpha_gradient(scalar_model, scalar_batch(T), scalar_batch(V), "3", unroll=Unroll(0.1, 0, 0, [None]))
    with pytest.raises(ValueError, match="virtual step"):
        alpha_gradient(scalar_model, scalar_batch(T), scalar_batch(V), "2")
