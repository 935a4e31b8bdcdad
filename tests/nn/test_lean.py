"""The convolution that lets its input go, against torch's own."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional as F

from dartsl.nn.lean import conv2d

GEOMETRY = ((2, 1), (1, 2), (1, 1), 2)  # stride, padding, dilation, groups
FORMATS = [torch.contiguous_format, torch.channels_last]


@pytest.fixture
def weight() -> Tensor:
    return torch.randn(6, 2, 3, 3, dtype=torch.float64)


def images(format: torch.memory_format = torch.contiguous_format) -> Tensor:
    return torch.randn(2, 4, 5, 7, dtype=torch.float64).to(memory_format=format)


def plain(x: Tensor, weight: Tensor) -> Tensor:
    stride, padding, dilation, groups = GEOMETRY
    return F.conv2d(x, weight, None, stride, padding, dilation, groups)


def lean(x: Tensor, weight: Tensor) -> Tensor:
    return conv2d(x, weight, *GEOMETRY)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("part", [False, True])
def test_the_gradient_of_the_input(format: torch.memory_format, part: bool, weight: Tensor) -> None:
    whole = torch.randn(2, 8, 5, 7, dtype=torch.float64).to(memory_format=format).requires_grad_()
    x = whole[:, 2:6] if part else whole[:, :4].clone(memory_format=format)
    found, expected = (torch.autograd.grad(f(x, weight).pow(3).sum(), whole)[0] for f in (lean, plain))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("constant", [True, False])
def test_the_input_is_kept_for_the_weight_alone(constant: bool, weight: Tensor) -> None:
    weight.requires_grad_(not constant)
    x = images().requires_grad_() * 1.0
    held = weakref.ref(x.untyped_storage())
    output = lean(x, weight)
    del x
    assert (held() is None) == constant
    output.sum().backward()  # type: ignore[no-untyped-call]


def test_gradients_of_weights(weight: Tensor) -> None:
    x = images().requires_grad_()
    weight.requires_grad_()
    found, expected = (torch.autograd.grad(f(x, weight).pow(3).sum(), (x, weight)) for f in (lean, plain))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, of forward mode
def test_tangents_of_the_gradient(weight: Tensor) -> None:
    """Forward over reverse, as the exact step goes: the weight is constant, and a dual number."""
    x, along = images().requires_grad_(), torch.cos(weight)

    def tangent(f: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(weight, along)  # type: ignore[no-untyped-call]
            (gradient,) = torch.autograd.grad(f(x, dual).pow(3).sum(), x)
            found: Tensor = forward_ad.unpack_dual(gradient).tangent  # type: ignore[no-untyped-call]
            return found.clone()

    torch.testing.assert_close(tangent(lean), tangent(plain), rtol=1e-12, atol=1e-12)


def test_within_transforms_of_torch(weight: Tensor) -> None:
    """They take no hooks."""
    x = images()
    found, expected = (torch.func.grad(lambda x, f=f: f(x, weight).pow(3).sum())(x) for f in (lean, plain))
    torch.testing.assert_close(found, expected)
