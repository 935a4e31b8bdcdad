"""The operations of the DARTS image space, as plain modules (arXiv 1806.09055, A.1.1)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

DARTS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)


class ReluConvBn(nn.Module):
    """ReLU, a convolution without bias, batch norm."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, affine: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(c_out, affine=affine)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn(self.conv(torch.relu(x)))


class SepConv(nn.Module):
    """[ReLU, depthwise k, 1x1, batch norm] twice; only the first depthwise convolution strides."""

    def __init__(self, c: int, kernel: int, stride: int, affine: bool) -> None:
        super().__init__()
        pad = kernel // 2
        self.depth_a = nn.Conv2d(c, c, kernel, stride, pad, groups=c, bias=False)
        self.point_a = nn.Conv2d(c, c, 1, bias=False)
        self.bn_a = nn.BatchNorm2d(c, affine=affine)
        self.depth_b = nn.Conv2d(c, c, kernel, 1, pad, groups=c, bias=False)
        self.point_b = nn.Conv2d(c, c, 1, bias=False)
        self.bn_b = nn.BatchNorm2d(c, affine=affine)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bn_a(self.point_a(self.depth_a(torch.relu(x))))
        return self.bn_b(self.point_b(self.depth_b(torch.relu(x))))


class DilConv(nn.Module):
    """ReLU, depthwise k with dilation 2, 1x1, batch norm."""

    def __init__(self, c: int, kernel: int, stride: int, affine: bool) -> None:
        super().__init__()
        self.depth = nn.Conv2d(c, c, kernel, stride, kernel - 1, dilation=2, groups=c, bias=False)
        self.point = nn.Conv2d(c, c, 1, bias=False)
        self.bn = nn.BatchNorm2d(c, affine=affine)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn(self.point(self.depth(torch.relu(x))))


class FactorizedReduce(nn.Module):
    """ReLU, then two 1x1 stride-2 convolutions on grids one pixel apart, concatenated; batch norm.

    An axis of odd length gets a zero row (column) at its end before the second grid is cut out, so that
    both grids have the same size.
    """

    def __init__(self, c_in: int, c_out: int, affine: bool) -> None:
        super().__init__()
        self.conv_a = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.conv_b = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.bn = nn.BatchNorm2d(c_out, affine=affine)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(x)
        height, width = x.shape[2:]
        padded = nn.functional.pad(x, (0, width % 2, 0, height % 2))
        second = self.conv_b(padded[:, :, 1:, 1:])
        return self.bn(torch.cat([self.conv_a(x), second], dim=1))


class Pool(nn.Module):
    """A 3x3 pool; in the search network batch norm without affine follows it."""

    def __init__(self, pool: nn.Module, c: int, searching: bool) -> None:
        super().__init__()
        self.pool = pool
        self.bn = nn.BatchNorm2d(c, affine=False) if searching else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = self.pool(x)
        return pooled if self.bn is None else self.bn(pooled)


class Zero(nn.Module):
    """`none`: zeros of the strided shape."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :, :: self.stride, :: self.stride] * 0.0


def skip(c: int, stride: int, searching: bool) -> nn.Module:
    """skip_connect: the identity, or factorized_reduce where it must stride."""
    return nn.Identity() if stride == 1 else FactorizedReduce(c, c, affine=not searching)


def max_pool(c: int, stride: int, searching: bool) -> nn.Module:
    return Pool(nn.MaxPool2d(3, stride, padding=1), c, searching)


def avg_pool(c: int, stride: int, searching: bool) -> nn.Module:
    return Pool(nn.AvgPool2d(3, stride, padding=1, count_include_pad=False), c, searching)


# (channels, stride, searching) -> module; batch norm is affine only in a network that is not searching
OPERATIONS: dict[str, Callable[[int, int, bool], nn.Module]] = {
    "none": lambda c, stride, searching: Zero(stride),
    "max_pool_3x3": max_pool,
    "avg_pool_3x3": avg_pool,
    "skip_connect": skip,
    "sep_conv_3x3": lambda c, stride, searching: SepConv(c, 3, stride, not searching),
    "sep_conv_5x5": lambda c, stride, searching: SepConv(c, 5, stride, not searching),
    "dil_conv_3x3": lambda c, stride, searching: DilConv(c, 3, stride, not searching),
    "dil_conv_5x5": lambda c, stride, searching: DilConv(c, 5, stride, not searching),
    # NAS-Bench-201's own three (arXiv 2001.00326, section 2.1)
    "nor_conv_1": lambda c, stride, searching: ReluConvBn(c, c, 1, stride, not searching),
    "nor_conv_3": lambda c, stride, searching: ReluConvBn(c, c, 3, stride, not searching),
    "avg_pool_3": lambda c, stride, searching: nn.AvgPool2d(3, stride, 1, count_include_pad=False),
}
