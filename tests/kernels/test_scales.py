"""Scales of batch norms, and running statistics, by kernels: as torch's own batch norm has them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dartsl.nn.kernels.scales import Moving, in_torch, scaled
from dartsl.nn.norms import BatchNorm2d
from dartsl.nn.running import put_together
from tests.kernels.geometries import apart

EPS = 1e-5


def drawn(count: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    variance = torch.rand(count, generator=draw, dtype=torch.float64) + 0.1
    return variance, torch.randn(count, generator=draw, dtype=torch.float64)


@pytest.mark.parametrize("count", [1, 70])
@pytest.mark.parametrize("with_gain", [False, True])
def test_scale_and_its_two_derivatives(count: int, with_gain: bool) -> None:
    found = []
    for dtype in (torch.float64, torch.float32):
        leaves = [each.to(dtype).requires_grad_() for each in drawn(count)[: 1 + with_gain]]
        gain = leaves[1] if with_gain else None
        ours = (
            scaled(leaves[0], gain, EPS, None) if dtype == torch.float32 else in_torch(leaves[0], gain, EPS)
        )
        along = torch.linspace(-1, 1, count, dtype=dtype) + 2
        plain = torch.autograd.grad(ours, leaves, along, retain_graph=True)
        once = torch.autograd.grad(ours, leaves, along, create_graph=True)
        twice = torch.autograd.grad(once, leaves, [torch.ones_like(each) for each in once])
        found.append([each.detach() for each in (ours, *plain, *once, *twice)])
    assert max(apart(found[1], found[0])) < 1e-5


@pytest.mark.parametrize("modules", [1, 3])
def test_running_statistics_move_as_torch_moves_them(modules: int) -> None:
    """Those of several norms lie side by side."""
    ours, theirs = ([BatchNorm2d(2, affine=False) for _ in range(modules)] for _ in range(2))
    if modules > 1:
        put_together(ours, merged=False)
    images = torch.randn(3, 2 * modules, 4, 5, generator=torch.Generator().manual_seed(0)) + 1
    for _ in range(2):
        for norm, part in zip(theirs, images.split(2, 1), strict=True):
            norm(part)
        variance, mean = torch.var_mean(images, (0, 2, 3), correction=0)
        moving = Moving.of(ours, mean, 60)
        assert moving is not None
        scaled(variance, None, EPS, moving)
    for one, other in zip(ours, theirs, strict=True):
        assert int(one.num_batches_tracked) == int(other.num_batches_tracked) == 2
        pairs = ((one.running_mean, other.running_mean), (one.running_var, other.running_var))
        for found, expected in pairs:
            torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


def test_norms_that_move_in_another_way_are_left_to_torch() -> None:
    norms = [BatchNorm2d(2, affine=False, momentum=None), BatchNorm2d(2, affine=False)]
    assert Moving.of(norms[:1], torch.zeros(2), 60) is None  # the mean of all batches
    assert Moving.of(norms, torch.zeros(4), 60) is None  # not side by side
