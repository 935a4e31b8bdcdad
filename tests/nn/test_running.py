"""Running statistics in one memory: each still a tensor of its own, and what takes them out of it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dartsl.nn.fused import shared_bn
from dartsl.nn.fused_stack import bn_stack
from dartsl.nn.passing import Pass
from dartsl.nn.running import NAMES, put_together, together


def norms(count: int = 3, width: int = 4) -> list[nn.BatchNorm2d]:
    return [nn.BatchNorm2d(width, affine=False) for _ in range(count)]


def statistics(made: list[nn.BatchNorm2d]) -> list[Tensor]:
    return [norm.get_buffer(name) for norm in made for name in NAMES]


def images(modules: int) -> Tensor:
    return torch.randn(5, 4 * modules, 2, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("merged", [True, False])
def test_statistics_lie_in_one_memory_as_tensors_that_share_no_number(merged: bool) -> None:
    made = norms()
    before = statistics(made)
    put_together(made, merged)
    after = statistics(made)
    assert together(made) is not None
    assert all(ours is theirs for ours, theirs in zip(after, before, strict=True))
    storages = [buffer.untyped_storage() for buffer in after]
    assert [each.nbytes() for each in storages] == [16, 16, 8] * 3
    assert len({each.data_ptr() for each in storages}) == len(after)
    after[3].add_(1)
    assert [float(buffer.sum()) for buffer in after[::3]] == [0.0, 4.0, 0.0]


@pytest.mark.parametrize("merged", [True, False])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_a_pass_moves_them_as_it_moves_those_that_lie_apart(merged: bool, momentum: float | None) -> None:
    apart, made = norms(), norms()
    put_together(made, merged)
    compute: Any = shared_bn if merged else bn_stack
    passes = (Pass(), Pass(frozen=True), Pass(again=True), Pass())
    for place, pass_ in enumerate(passes):
        x = images(1 if merged else 3) + place
        for norm in (*apart, *made):
            norm.momentum = momentum
        ours, theirs = (compute(x, state=each, pass_=pass_) for each in (made, apart))
        assert torch.equal(ours, theirs)
        assert all(map(torch.equal, statistics(made), statistics(apart)))
    assert [int(buffer) for buffer in statistics(made)[2::3]] == [2, 2, 2]


def test_who_was_put_elsewhere_moves_there() -> None:
    made = norms()
    put_together(made, merged=False)
    mean = torch.ones(4)
    made[1].running_mean = mean
    assert together(made) is None
    bn_stack(images(3), state=made, pass_=Pass())
    assert made[1].running_mean is mean
    assert not torch.equal(mean, torch.ones(4))


def test_shared_memory_stays_shared() -> None:
    made = norms()
    put_together(made, merged=True)
    made[2].share_memory()
    assert together(made) is None
    shared_bn(images(1), state=made, pass_=Pass())
    assert made[2].get_buffer("running_mean").is_shared()
    assert torch.equal(made[0].get_buffer("running_mean"), made[2].get_buffer("running_mean"))


def test_a_copy_knows_nothing_of_it() -> None:
    made = norms()
    put_together(made, merged=True)
    twins = copy.deepcopy(made)
    shared_bn(images(1), state=made, pass_=Pass())
    assert together(twins) is None
    assert [int(buffer) for buffer in statistics(twins)[2::3]] == [0, 0, 0]


def test_statistics_that_are_not_alike_stay_where_they_are() -> None:
    for made in (
        [*norms(1, 4), *norms(1, 2)],
        [*norms(1), norms(1)[0].double()],
        [norm.to("meta") for norm in norms(2)],
        [nn.BatchNorm2d(4, track_running_stats=False) for _ in range(2)],
    ):
        put_together(made, merged=False)
        assert together(made) is None
