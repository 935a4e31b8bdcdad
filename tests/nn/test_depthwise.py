"""The depthwise convolution with a weight gradient of its own against torch's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional as F

from dartsl.nn.depthwise import _together_gradient, depthwise

Convolution = Callable[[Tensor, Tensor], Tensor]


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, of forward mode
@pytest.mark.parametrize("k", [3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [(9, 8), (5, 7), (4, 4), (1, 1), (6, 1)])
@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("format", [torch.contiguous_format, torch.channels_last])
def test_as_torch(
    k: int, stride: int, size: tuple[int, int], channels: int, format: torch.memory_format
) -> None:
    generator = torch.Generator().manual_seed(k)
    x = torch.randn(2, channels, *size, generator=generator, dtype=torch.float64).to(memory_format=format)
    weight = torch.randn(channels, 1, k, k, generator=generator, dtype=torch.float64)
    padding = (k // 2, k // 2)

    def ours(x: Tensor, weight: Tensor) -> Tensor:
        return depthwise(x, weight, (stride, stride), padding)

    def theirs(x: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(x, weight, None, stride, padding, 1, channels)

    for found, expected in zip(_all_of(ours, x, weight), _all_of(theirs, x, weight), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("stride", [1, 2, 5])
@pytest.mark.parametrize(("k", "padding", "width"), [(9, 4, 1), (11, 5, 1), (11, 5, 2), (7, 4, 2), (5, 4, 1)])
@pytest.mark.parametrize("format", [torch.contiguous_format, torch.channels_last])
def test_columns_that_read_zeros_alone(
    k: int, padding: int, width: int, stride: int, format: torch.memory_format
) -> None:
    x = torch.randn(2, 3, 1, width, dtype=torch.float64).to(memory_format=format)
    weight = torch.randn(3, 1, 3, k, dtype=torch.float64, requires_grad=True)
    geometry = ((1, stride), (1, padding))
    found, expected = (
        torch.autograd.grad(output.pow(3).sum(), weight)[0]
        for output in (depthwise(x, weight, *geometry), F.conv2d(x, weight, None, *geometry, 1, 3))
    )
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_the_gradient_with_channels_together() -> None:
    """What a GPU computes, here on the CPU."""
    x = torch.randn(2, 3, 7, 6, dtype=torch.float64)
    weight = torch.randn(3, 1, 5, 5, dtype=torch.float64, requires_grad=True)
    output = F.conv2d(x, weight, None, 1, 2, 1, 3)
    along = torch.randn(output.shape, dtype=torch.float64)
    (expected,) = torch.autograd.grad(output, weight, along)
    found = _together_gradient(along, x, weight.detach(), (1, 1), (2, 2))
    assert found.is_contiguous()
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def _all_of(convolution: Convolution, x: Tensor, weight: Tensor) -> list[Tensor]:
    """Output, gradients, second derivatives, and the tangents of the gradients."""
    leaves = [x.clone().requires_grad_(), weight.clone().requires_grad_()]
    output = convolution(*leaves)
    gradients = torch.autograd.grad(output.pow(3).sum(), leaves, create_graph=True)
    second = torch.autograd.grad(torch.stack([each.pow(2).sum() for each in gradients]).sum(), leaves)
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(leaf, torch.cos(leaf.detach())) for leaf in leaves]  # type: ignore[no-untyped-call]
        along = torch.autograd.grad(convolution(*duals).pow(3).sum(), duals)
        tangents = [forward_ad.unpack_dual(each).tangent.detach().clone() for each in along]  # type: ignore[no-untyped-call]
    return [output.detach(), *(each.detach() for each in gradients), *second, *tangents]
