"""What is packed in forward: one memory for the statistics of several batch norms, and parts in the order asked for."""

from __future__ import annotations

import copy

import torch
from torch import nn

from dartsl.nn import packing


def norms(count: int = 3, width: int = 4) -> list[nn.BatchNorm2d]:
    made = [nn.BatchNorm2d(width, affine=False) for _ in range(count)]
    for number, norm in enumerate(made):
        norm.running_mean.fill_(number)  # type: ignore[union-attr]
    return made


def test_statistics_are_views_of_the_modules_own_buffers() -> None:
    made = norms()
    mean, _, count = packing.statistics(made)
    assert mean.tolist() == [0.0] * 4 + [1.0] * 4 + [2.0] * 4
    mean.add_(10)
    count.add_(1)  # type: ignore[union-attr]
    assert [float(norm.running_mean[0]) for norm in made] == [10.0, 11.0, 12.0]  # type: ignore[index]
    assert [int(norm.num_batches_tracked) for norm in made] == [1, 1, 1]  # type: ignore[arg-type]


def test_statistics_are_packed_once_and_again_where_they_were_moved_apart() -> None:
    made = norms()
    packing.statistics(made)
    held = [norm.running_mean for norm in made]
    assert packing.statistics(made)[0].data_ptr() == held[0].data_ptr()  # type: ignore[union-attr]
    assert all(norm.running_mean is before for norm, before in zip(made, held, strict=True))
    for norm in made:
        norm.double()
    mean, _, _ = packing.statistics(made)
    assert mean.dtype == torch.float64
    assert mean.tolist() == [0.0] * 4 + [1.0] * 4 + [2.0] * 4


def test_a_copy_has_statistics_of_its_own() -> None:
    made = nn.ModuleList(norms())
    packing.statistics(list(made))  # type: ignore[arg-type]
    twin = copy.deepcopy(made)
    packing.statistics(list(twin))[0].add_(5)  # type: ignore[arg-type]
    assert float(made[0].running_mean[0]) == 0.0  # type: ignore[index]
    assert float(twin[2].running_mean[0]) == 7.0  # type: ignore[index]


def test_gains_and_kernels_come_in_the_parts_asked_for() -> None:
    weights = packing.rows(torch.arange(6.0).view(2, 3))
    first, second = packing.gains(weights, [(1, 2), (0, 1), (1, 0)], 2, [1, 2])
    assert first.tolist() == [5.0, 5.0]
    assert second.tolist() == [1.0, 1.0, 3.0, 3.0]
    convolutions = [nn.Conv2d(1, width, 1, bias=False) for width in (1, 2, 3)]
    one, rest = packing.kernels(convolutions, [1, 2])
    assert torch.equal(one, convolutions[0].weight)
    assert torch.equal(rest, torch.cat([convolutions[1].weight, convolutions[2].weight]))
