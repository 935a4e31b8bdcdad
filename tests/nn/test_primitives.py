"""Each primitive against its definition, written out pixel by pixel."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from dartsl.graph.operations import Application
from dartsl.lang.plan.terms import Argument
from dartsl.lang.records.record import ModuleSpec
from dartsl.nn import primitives
from dartsl.nn.builders import function_of
from tests.nn.graphs import half

SIZES = [(6, 6), (5, 6), (4, 7), (2, 3)]
STRIDES = [(1, 1), (2, 2)]


def image(height: int, width: int, channels: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(height * 100 + width)
    return torch.randn(2, channels, height, width, generator=generator, dtype=torch.float64)


def window(x: Tensor, y: int, at: int, height: int, width: int, step: int) -> list[tuple[int, int, Tensor]]:
    """The pixels of a window of offsets that lie in the image, with their places (i, j) in the window."""
    found = []
    for i, j in itertools.product(range(height), range(width)):
        row, column = y + i * step, at + j * step
        if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
            found.append((i, j, x[:, :, row, column]))
    return found


def module(
    primitive: str,
    x: Tensor,
    channels: int,
    stride: tuple[int, int] = (1, 1),
    **arguments: Argument,
) -> nn.Module:
    size = tuple(math.ceil(n / s) for n, s in zip(x.shape[2:], stride, strict=True))
    spec = ModuleSpec(primitive, tuple(arguments.items()), stride, tuple(x.shape[1:]), (channels, *size))
    built = primitives.build_module(spec).double()
    assert tuple(built(x).shape[1:]) == spec.out_shape
    return built


def convolve(x: Tensor, weight: Tensor, stride: tuple[int, int], dilation: int, groups: int) -> Tensor:
    """A convolution by its definition: padding (k - 1) // 2 * dilation, ceil(H / stride) rows."""
    out_channels, per_group, height, width = weight.shape
    rows, columns = (math.ceil(n / s) for n, s in zip(x.shape[2:], stride, strict=True))
    result = x.new_zeros(x.shape[0], out_channels, rows, columns)
    for y, at in itertools.product(range(rows), range(columns)):
        top = y * stride[0] - (height - 1) // 2 * dilation
        left = at * stride[1] - (width - 1) // 2 * dilation
        for i, j, pixel in window(x, top, left, height, width, dilation):
            read = pixel.reshape(len(x), groups, per_group)
            by_group = weight[:, :, i, j].reshape(groups, out_channels // groups, per_group)
            result[:, :, y, at] += torch.einsum("bgc,goc->bgo", read, by_group).flatten(1)
    return result


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize(("k", "dilation"), [(1, 1), (3, 1), (5, 1), (3, 2), (5, 2)])
def test_conv(size: tuple[int, int], stride: tuple[int, int], k: int, dilation: int) -> None:
    x = image(*size)
    conv = module("conv", x, 4, stride, k=k, out=4, dilation=dilation)
    assert [name for name, _ in conv.named_parameters()] == ["weight"]
    expected = convolve(x, conv.get_parameter("weight"), stride, dilation, groups=1)
    torch.testing.assert_close(conv(x), expected)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize(("k", "dilation"), [(3, 1), (3, 2), (7, 1)])
def test_dwconv(size: tuple[int, int], stride: tuple[int, int], k: int, dilation: int) -> None:
    x = image(*size, channels=3)
    conv = module("dwconv", x, 3, stride, k=k, dilation=dilation)
    assert conv.get_parameter("weight").shape == (3, 1, k, k)
    expected = convolve(x, conv.get_parameter("weight"), stride, dilation, groups=3)
    torch.testing.assert_close(conv(x), expected)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize(("primitive", "kernel"), [("conv_across", (1, 7)), ("conv_down", (7, 1))])
def test_conv_along_one_axis(
    size: tuple[int, int], strided: bool, primitive: str, kernel: tuple[int, int]
) -> None:
    x = image(*size)
    stride = (1, 1) if not strided else ((1, 2) if primitive == "conv_across" else (2, 1))
    conv = module(primitive, x, 3, stride, k=7, out=3)
    weight = conv.get_parameter("weight")
    assert weight.shape == (3, 2, *kernel)
    torch.testing.assert_close(conv(x), convolve(x, weight, stride, 1, groups=1))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("k", "stride"), [(3, 1), (3, 2), (5, 1), (3, 3), (2, 2), (4, 4)])
@pytest.mark.parametrize("kind", ["max_pool", "avg_pool"])
def test_pools(size: tuple[int, int], k: int, stride: int, kind: str) -> None:
    x = image(*size)
    padding = 0 if k % 2 == 0 else (k - 1) // 2
    rows, columns = (math.ceil(n / stride) for n in size)
    expected = x.new_zeros(2, 2, rows, columns)
    for y, at in itertools.product(range(rows), range(columns)):
        pixels = torch.stack(
            [p for _, _, p in window(x, y * stride - padding, at * stride - padding, k, k, 1)]
        )
        expected[:, :, y, at] = pixels.amax(0) if kind == "max_pool" else pixels.mean(0)
    pool = getattr(primitives, kind)
    torch.testing.assert_close(pool(x, k=k, stride=(stride, stride)), expected)


def test_the_cut_windows_of_an_even_pool_count_real_pixels_only() -> None:
    """In ceil mode a window at the border is cut; its divisor is the number of pixels left in it.

    With ones everywhere every mean is 1, and each pixel's gradient is one over the size of its window.
    """
    x = torch.ones(1, 1, 5, 5, dtype=torch.float64, requires_grad=True)
    y = primitives.avg_pool(x, k=2, stride=(2, 2))
    assert y.shape == (1, 1, 3, 3)
    torch.testing.assert_close(y, torch.ones_like(y))
    (gradient,) = torch.autograd.grad(y.sum(), x)
    share = torch.tensor([0.5, 0.5, 0.5, 0.5, 1.0], dtype=torch.float64)
    torch.testing.assert_close(gradient, torch.outer(share, share)[None, None])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (1, 1), (-1, 0), (0, 2), (-2, 1), (9, 0), (0, -9), (2, -3)])
def test_shift(size: tuple[int, int], dy: int, dx: int) -> None:
    x = image(*size)
    expected = torch.zeros_like(x)
    for y, at in itertools.product(range(size[0]), range(size[1])):
        if 0 <= y + dy < size[0] and 0 <= at + dx < size[1]:
            expected[:, :, y, at] = x[:, :, y + dy, at + dx]
    shifted = primitives.shift(x.requires_grad_(), dy=dy, dx=dx)
    torch.testing.assert_close(shifted, expected)
    (slope,) = torch.autograd.grad(shifted.sum(), x)  # there is one, even where nothing of x is left
    assert slope.sum() == expected.count_nonzero()


@pytest.mark.parametrize("size", SIZES)
def test_factorized_reduce_reads_every_pixel(size: tuple[int, int]) -> None:
    """conv(1)/2 on x and on x shifted by one: the second reads x[1:, 1:], zeros beyond odd sizes."""
    x = image(*size)
    conv = module("conv", x, 2, (2, 2), k=1, out=2, dilation=1)
    shifted = conv(primitives.shift(x, dy=1, dx=1))
    assert shifted.shape == (2, 2, half(size[0]), half(size[1]))
    plain = torch.nn.functional.conv2d(x[:, :, 1:, 1:], conv.get_parameter("weight"), stride=2)
    torch.testing.assert_close(shifted[:, :, : plain.shape[2], : plain.shape[3]], plain)
    assert not shifted[:, :, plain.shape[2] :].any()
    assert not shifted[:, :, :, plain.shape[3] :].any()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("stride", STRIDES)
def test_none_is_zeros_of_the_strided_shape(size: tuple[int, int], stride: tuple[int, int]) -> None:
    y = primitives.zeros(image(*size), channels=5, stride=stride)
    assert y.shape == (2, 5, math.ceil(size[0] / stride[0]), math.ceil(size[1] / stride[1]))
    assert y.dtype == torch.float64
    assert not y.any()
    assert primitives.zeros(torch.ones(2, 3), channels=4).shape == (2, 4)


@pytest.mark.parametrize("primitive", ["bn", "mix_bn"])
def test_batch_norm(primitive: str) -> None:
    x = image(5, 6, channels=3)
    for affine in (True, False) if primitive == "bn" else (False,):
        norm = module(primitive, x, 3, affine=affine)
        deviation = (x.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
        expected = (x - x.mean((0, 2, 3), keepdim=True)) / deviation
        torch.testing.assert_close(norm(x), expected)
        assert len(list(norm.parameters())) == (2 if affine else 0)
        fresh = module(primitive, x, 3, affine=affine)
        torch.testing.assert_close(fresh.get_buffer("running_mean"), 0.1 * x.mean((0, 2, 3)))


def test_batch_norm_of_vectors() -> None:
    x = torch.randn(6, 4, dtype=torch.float64)
    spec = ModuleSpec("bn", (("affine", True),), (1, 1), (4,), (4,))
    norm = primitives.build_module(spec).double()
    torch.testing.assert_close(norm(x).mean(0), torch.zeros(4, dtype=torch.float64))


def test_linear() -> None:
    for bias in (True, False):
        spec = ModuleSpec("linear", (("out", 5), ("bias", bias)), (1, 1), (3, 1, 1), (5,))
        linear = primitives.build_module(spec)
        assert linear.get_parameter("weight").shape == (5, 3)
        assert len(list(linear.parameters())) == 1 + bias
        x = torch.randn(2, 3, 1, 1)
        y = linear(primitives.flatten(x))
        expected = x[:, :, 0, 0] @ linear.get_parameter("weight").T
        torch.testing.assert_close(y, expected + linear.get_parameter("bias") if bias else expected)


@pytest.mark.parametrize("kind", ["relu", "sigmoid", "tanh", "identity", "global_avg_pool"])
def test_pointwise_functions(kind: str) -> None:
    x = image(4, 5)
    shape = (2, 1, 1) if kind == "global_avg_pool" else (2, 4, 5)
    function, keywords = function_of(Application(kind, (), ("x",), shape, "layer0"))
    expected = {
        "relu": x * (x > 0),
        "sigmoid": 1 / (1 + (-x).exp()),
        "tanh": (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()),
        "identity": x,
        "global_avg_pool": x.sum((2, 3), keepdim=True) / 20,
    }[kind]
    assert keywords == {}
    torch.testing.assert_close(function(x), expected)


def test_merges() -> None:
    a, b, c = image(4, 5), image(5, 4).mT, image(1, 1)
    torch.testing.assert_close(primitives.total(a, b, c), a + b + c)
    torch.testing.assert_close(primitives.mean(a, b), (a + b) / 2)
    torch.testing.assert_close(primitives.product(a, c), a * c)
    torch.testing.assert_close(primitives.lerp(a, b, c), (1 - c) * a + c * b)
    joined = primitives.concat(c, a)
    assert joined.shape == (2, 4, 4, 5)
    torch.testing.assert_close(joined[:, 2:], a)
    torch.testing.assert_close(joined[:, :2], c * torch.ones_like(a))
    torch.testing.assert_close(primitives.total(a), a)


def test_a_mix_weighs_every_candidate() -> None:
    a, b = image(4, 5), image(5, 4).mT
    weights = torch.tensor([0.25, 0.75, 0.0], dtype=torch.float64)
    torch.testing.assert_close(primitives.mix(weights, a, b), 0.25 * a + 0.75 * b)


def test_no_function_works_in_place_or_gives_back_a_changed_input() -> None:
    x = image(5, 6).requires_grad_()
    before = x.detach().clone()
    for function in (
        lambda t: primitives.max_pool(t, k=3, stride=(2, 2)),
        lambda t: primitives.avg_pool(t, k=2, stride=(2, 2)),
        lambda t: primitives.shift(t, dy=1, dx=-1),
        primitives.global_avg_pool,
        lambda t: primitives.total(t, t, t),
        lambda t: primitives.mix(torch.ones(2, dtype=torch.float64), t, t),
    ):
        function(x)
    assert torch.equal(x, before)
    assert x._version == 0
