"""Exact products with second derivatives by forward over reverse, against double backward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from dartsl.nn.passing import PLAIN, Pass
from dartsl.nn.supernet import Supernet
from dartsl.searching import bilevel
from dartsl.searching.bilevel import Unroll, alpha_gradient
from dartsl.searching.products import exact_product, hessian_product
from dartsl.step.batches import ImageBatch
from dartsl.step.gradients import weight_step
from tests.nn.specs import RAGGED, SEARCHED, small

from .double_backward import double_backward, hessian_times

SMOOTH = (
    SEARCHED.replace("cell normal", "op avg = avg_pool(3)/stride > mix_bn\n"
    "op skip = match stride { 1 => identity, 2 => tanh > conv(1)/2 > bn }\n"
    "op sep = tanh > dwconv(3)/stride > conv(1) > bn > tanh > dwconv(3, dilation = 2) > conv(1) > bn\n"
    "op prepare = tanh > conv(1)/stride > bn\n"
    "ops smooth = none | avg | skip | sep\n\ncell normal")
    .replace(": preprocess", ": prepare")
    .replace(": darts", ": smooth")
)  # fmt: skip
SPECS = {"darts": SEARCHED, "ragged": RAGGED, "smooth": SMOOTH}


def batch_of(model: Supernet, seed: int, size: int = 5) -> ImageBatch:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(size, *model.plan.input.shape.dims, generator=generator, dtype=torch.float64)
    return ImageBatch(images, torch.randint(0, model.plan.classes, (size,), generator=generator))


def close(found: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert float((one - other).abs().max()) <= 1e-10 * float(other.abs().max())


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("memory", ["normal", "low"])
@pytest.mark.parametrize("spec", SPECS)
def test_the_product_is_that_of_double_backward(spec: str, memory: str, level: int) -> None:
    plain = small(SPECS[spec], dtype="float64", level=0)
    model = small(SPECS[spec], dtype="float64", level=level, memory=memory)
    train = batch_of(model, 1)
    generator = torch.Generator().manual_seed(2)
    direction = [torch.randn(w.shape, generator=generator, dtype=w.dtype) for w in plain.weights()]
    pass_ = Pass(3, frozen=True)
    expected = double_backward(plain, train, pass_, direction)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    found = exact_product(model, train, pass_, direction)
    assert all(float(product.abs().max()) > 0 for product in expected)
    close(found, expected)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not any(product.requires_grad for product in found)


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize(
    "built",
    [
        {},
        {"memory": "low", "edge_weights": True},
        {"relaxation": "gumbel"},
        {"relaxation": "dirichlet"},
        {"relaxation": "sigmoid", "auxiliary_skip": True},
    ],
)
def test_the_product_with_the_hessian_in_the_alphas(built: dict[str, Any], level: int) -> None:
    # In RAGGED no two edges are weighed against each other.
    spec = SEARCHED if "edge_weights" in built else RAGGED
    model = small(spec, dtype="float64", level=level, **built)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for alpha in model.alpha_parameters():
            alpha.copy_(torch.randn(alpha.shape, generator=generator, dtype=alpha.dtype))
    batch, pass_ = batch_of(model, 1), Pass(3, "validation", frozen=True)
    direction = [torch.randn(a.shape, generator=generator, dtype=a.dtype) for a in model.alpha_parameters()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    found = hessian_product(model, batch, pass_, direction)
    expected = hessian_times(model, batch, pass_, direction)
    assert all(float(product.abs().max()) > 0 for product in expected)
    close(found, expected)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("spec", SPECS)
def test_the_alpha_gradient_with_momentum(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole exact gradient, step after step, the optimiser's buffers filling up."""
    model = small(SPECS[spec], dtype="float64")
    optimizer = torch.optim.SGD(model.weights(), lr=0.1, momentum=0.9, weight_decay=3e-4)
    for step in range(3):
        train, validation = batch_of(model, 10 + step), batch_of(model, 20 + step)
        unroll = Unroll.of(optimizer, model.weights())
        found = alpha_gradient(model, train, validation, "exact", unroll=unroll, step=step)
        with monkeypatch.context() as patch:
            patch.setattr(bilevel, "exact_product", double_backward)
            expected = alpha_gradient(model, train, validation, "exact", unroll=unroll, step=step)
        close(found.gradients, expected.gradients)
        weight_step(model, [(train, Pass(step))], optimizer, clip=5)


def test_a_model_whose_statistics_move_keeps_its_own(mixed_model: Any) -> None:
    """A pass that is not frozen writes to running statistics: those of copies."""
    images = torch.randn(4, 1, 5, 5, dtype=torch.float64)
    train = ImageBatch(images, torch.tensor([0, 1, 2, 3]))
    direction = [torch.ones_like(weight) for weight in mixed_model.weights()]
    before = {name: buffer.clone() for name, buffer in mixed_model.named_buffers()}
    found = exact_product(mixed_model, train, PLAIN, direction)
    assert all(torch.equal(buffer, before[name]) for name, buffer in mixed_model.named_buffers())
    close(found, double_backward(mixed_model, train, PLAIN, direction))


def test_weights_that_alphas_do_not_meet_give_zeros(scalar_model: Any) -> None:
    train = ImageBatch(torch.zeros(1, 1, 1, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.int64))
    (product,) = exact_product(scalar_model, train, PLAIN, [torch.ones(1, dtype=torch.float64)])
    assert product.item() == 0.0


def test_only_a_module_has_weights_that_can_be_replaced() -> None:
    with pytest.raises(TypeError, match="not a torch module"):
        exact_product(object(), batch_of(small(SEARCHED), 0), PLAIN, [])  # type: ignore[arg-type]
