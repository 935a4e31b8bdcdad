"""The loss of numbers: what is summed, what it comes to, and the gradients of every order against plain torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from dartsl.graph.build import build
from dartsl.searching.bilevel import Unroll, alpha_gradient
from dartsl.step.batches import ImageBatch, Outcome, together
from dartsl.step.tally import Tally
from dartsl.step.targets import Scale, errors, fits, mean_fit, of_targets
from tests.passes.same import model, planned_text

WIDE = torch.float64
# Of 1, 2, 3, 4 predicted as 1.1, 1.9, 3.2, 3.8: squared errors 0.1, and 5 about the mean.
TARGETS = torch.tensor([[1.0], [2.0], [3.0], [4.0]], dtype=WIDE)
OUTPUTS = torch.tensor([[1.1], [1.9], [3.2], [3.8]], dtype=WIDE)


def scale(*pairs: tuple[float, float]) -> Scale:
    return Scale.of(*zip(*pairs, strict=True), device="cpu")


def test_known_numbers() -> None:
    found = fits(errors(OUTPUTS, TARGETS, scale((0, 1))).tolist(), 4)
    assert found[0].r2 == pytest.approx(0.98, rel=1e-12)
    assert found[0].mae == pytest.approx(0.15, rel=1e-12)


def test_absolute_errors_are_in_the_targets_own_units_and_r2_is_not() -> None:
    """Targets of twice the unit, about 10, beside ones of the unit."""
    both = scale((10.0, 2.0), (0.0, 1.0))
    wanted = torch.cat([2 * TARGETS + 10, TARGETS], dim=1)
    outputs = torch.cat([OUTPUTS, OUTPUTS], dim=1)
    found = fits(errors(outputs, both.standard(wanted), both).tolist(), 4)
    assert [fit.r2 for fit in found] == pytest.approx([0.98, 0.98], rel=1e-12)
    assert [fit.mae for fit in found] == pytest.approx([0.3, 0.15], rel=1e-12)
    assert mean_fit(found).mae == pytest.approx(0.225, rel=1e-12)
    torch.testing.assert_close(both.own(both.standard(wanted)), wanted)


def test_targets_that_do_not_differ_have_no_r2() -> None:
    alike = torch.full((5, 1), 0.1, dtype=WIDE)
    found = fits(errors(alike + 0.25, alike, scale((0, 1))).tolist(), 5)
    assert found[0].r2 is None
    assert mean_fit(found).r2 is None
    assert mean_fit(found).mae == pytest.approx(0.25)


def outcome(rows: slice) -> Outcome:
    return of_targets(scale((0, 1)))(OUTPUTS[rows], TARGETS[rows]).outcome()


def test_batches_and_parts_of_one_sum_to_the_whole() -> None:
    """An R2 of all examples is not the mean of those of the batches."""
    tally, parts = Tally("cpu", 1), together([(outcome(slice(0, 1)), 0.25), (outcome(slice(1, 4)), 0.75)])
    for each in (outcome(slice(0, 3)), outcome(slice(3, 4))):
        tally.add(each)
    found = tally.read()
    assert (found.r2, found.mae, found.mean_loss) == pytest.approx((0.98, 0.15, 0.025), rel=1e-12)
    again = Tally("cpu", 1)
    again.load(tally.record())
    assert again.read() == found
    again.clear()
    assert (again.read().r2, again.read().mae) == (None, None)
    again.add(parts)
    assert (again.read().r2, again.read().mae) == pytest.approx((0.98, 0.15), rel=1e-12)


def test_of_classes_a_record_is_what_it_was() -> None:
    assert Tally("cpu").record() == {"loss": 0.0, "correct": 0, "count": 0}


SPACE = """darts 2

op act = linear > tanh

cell c {
  input  x
  node   n : sum
  edge   x -> n : identity | act
  output n
}

network net(D = 3) {
  input vector(4)
  stem  linear
  stage c*2 width D
  head  linear(2)
}
"""
OWN = scale((5.0, 3.0), (-1.0, 0.5))


def naive(parameters: dict[str, Tensor], batch: ImageBatch) -> Tensor:
    """The mean squared error of the network of SPACE, written out."""

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ parameters[f"network.{name}.linear.weight"].T + parameters[f"network.{name}.linear.bias"]

    x = linear(batch.images, "stem0")
    keep, act = torch.softmax(parameters["alphas.c"][0], dim=0)
    for layer in ("layer0", "layer1"):
        x = keep * x + act * torch.tanh(linear(x, f"{layer}.n.x.act"))
    mean, std = torch.tensor([5.0, -1.0], dtype=WIDE), torch.tensor([3.0, 0.5], dtype=WIDE)
    return ((linear(x, "head") - (batch.labels.double() - mean) / std) ** 2).mean()


@pytest.fixture
def network() -> Any:
    planned = planned_text(SPACE)
    return model(planned, build(planned), seed=1)


def batch(seed: int) -> ImageBatch:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(6, 4, generator=generator, dtype=WIDE)
    targets = torch.randn(6, 2, generator=generator) * 4  # as data sets have them, float32
    return ImageBatch(rows, targets, objective=of_targets(OWN))


def test_the_loss_and_its_gradient_are_those_of_plain_torch(network: Any) -> None:
    parameters = dict(network.named_parameters())
    passed = batch(0).take(network, None)
    wanted = naive(parameters, batch(0))
    torch.testing.assert_close(passed.loss, wanted, rtol=1e-13, atol=0)
    found = torch.autograd.grad(passed.loss, list(parameters.values()))
    for mine, theirs in zip(found, torch.autograd.grad(wanted, list(parameters.values())), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize(("order", "tolerance"), [("1", 1e-12), ("2", 1e-5), ("exact", 1e-11)])
def test_alpha_gradients_of_every_order(network: Any, order: str, tolerance: float) -> None:
    """Through the weights after a step of SGD, by autograd alone."""
    parameters = dict(network.named_parameters())
    alphas = parameters["alphas.c"]
    weights = {name: value for name, value in parameters.items() if name != "alphas.c"}
    xi = 0.0 if order == "1" else 0.3
    slopes = torch.autograd.grad(naive(parameters, batch(1)), list(weights.values()), create_graph=True)
    moved = {n: w - xi * (g + 0.05 * w) for (n, w), g in zip(weights.items(), slopes, strict=True)}
    (wanted,) = torch.autograd.grad(naive({**moved, "alphas.c": alphas}, batch(2)), [alphas])
    unroll = None if order == "1" else Unroll(xi, 0.9, 0.05, [None] * len(weights))
    found = alpha_gradient(network, batch(1), batch(2), order, unroll=unroll, r=1e-4, step=1).gradients[0]
    torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance * float(wanted.abs().max()))
