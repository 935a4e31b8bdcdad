"""What is packed in forward: the statistics of several batch norms, and parts in the order asked for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dartsl.nn import packing


def norms(count: int = 3, width: int = 4) -> list[nn.BatchNorm2d]:
    made = [nn.BatchNorm2d(width, affine=False) for _ in range(count)]
    for number, norm in enumerate(made):
        norm.running_mean.fill_(number)  # type: ignore[union-attr]
    return made


def test_statistics_come_side_by_side_and_go_back_into_memory_of_their_own() -> None:
    made = norms()
    before = [norm.running_mean for norm in made]
    mean, variance = packing.statistics(made)
    assert mean.tolist() == [0.0] * 4 + [1.0] * 4 + [2.0] * 4
    packing.moved(made, (mean + 10).split(4), variance.split(4))
    packing.counted(made[1:])
    assert [float(norm.running_mean[0]) for norm in made] == [10.0, 11.0, 12.0]  # type: ignore[index]
    assert [int(norm.num_batches_tracked) for norm in made] == [0, 1, 1]  # type: ignore[arg-type]
    assert all(norm.running_mean is held for norm, held in zip(made, before, strict=True))
    assert len({held.untyped_storage().data_ptr() for held in before if held is not None}) == 3


def test_norms_without_statistics_have_none_to_put_side_by_side() -> None:
    with pytest.raises(TypeError, match="no running statistics"):
        packing.statistics([nn.BatchNorm2d(2, track_running_stats=False)])


def test_gains_and_kernels_come_in_the_parts_asked_for() -> None:
    weights = packing.rows(torch.arange(6.0).view(2, 3))
    first, second = packing.gains(weights, [(1, 2), (0, 1), (1, 0)], 2, [1, 2])
    assert first.tolist() == [5.0, 5.0]
    assert second.tolist() == [1.0, 1.0, 3.0, 3.0]
    convolutions = [nn.Conv2d(1, width, 1, bias=False) for width in (1, 2, 3)]
    one, rest = packing.kernels(convolutions, [1, 2])
    assert torch.equal(one, convolutions[0].weight)
    assert torch.equal(rest, torch.cat([convolutions[1].weight, convolutions[2].weight]))
