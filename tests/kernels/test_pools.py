"""Pools of one source by kernels against torch in float64, in many geometries; a network that has both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from dartsl.nn.kernels import measure, pool_choice, pooled
from dartsl.nn.kernels.pooled import MAX, MEAN, Run, in_torch, pool
from dartsl.nn.kernels.stage import Tiles
from dartsl.nn.norms import BatchNorm2d
from dartsl.nn.passing import PLAIN, Pass
from dartsl.nn.pools import Pools, composed
from tests.kernels.geometries import apart, directions
from tests.kernels.test_networks import assert_close, passed

Pair = tuple[int, int]
CLOSE = {torch.float32: 3e-6, torch.bfloat16: 2e-2}


@dataclass(frozen=True)
class Case:
    """Sizes of an image, and what pools it."""

    kinds: tuple[str, ...] = (MAX, MEAN)
    k: int = 3
    stride: Pair = (1, 1)
    batch: int = 1
    channels: int = 1
    image: Pair = (5, 4)
    ties: bool = False
    moments: bool = True
    pixels: int = 64  # of a tile

    def numbers(self) -> Tensor:
        """In float64 and exact in bfloat16: all ways start from the same."""
        draw = torch.Generator().manual_seed(3)
        shape = (self.batch, self.channels, *self.image)
        if self.ties:
            return torch.randint(-1, 2, shape, generator=draw).double()
        return torch.randn(shape, generator=draw).bfloat16().double() + 0.5

    def results(self, dtype: torch.dtype, kernels: bool) -> list[Tensor]:
        """Pools, moments, and the gradient of the image."""
        run = Run(Pools(self.kinds, self.k, self.stride, ()), Tiles(self.pixels, 4), self.moments)
        x = self.numbers().to(dtype).requires_grad_()
        found = (pool if kernels else in_torch)(x, run)
        asked = found if self.moments else found[:1]
        gradients = torch.autograd.grad(asked, x, directions(found)[: len(asked)])
        return [*(each.detach() for each in asked), *gradients]


CASES = {
    "as it is": Case(batch=2, channels=2),
    "many tiles": Case(pixels=16, batch=2),
    "one row": Case(image=(1, 7)),
    "one pixel": Case(image=(1, 1), batch=3),
    "strided, odd": Case(stride=(2, 2), image=(5, 3), channels=2),
    "strided, even": Case(stride=(2, 2), image=(6, 4)),
    "strided in one axis": Case(stride=(1, 2), image=(4, 5)),
    "stride beyond the window": Case(stride=(4, 5), image=(9, 6)),
    "ties": Case(ties=True, image=(6, 6)),
    "ties, strided": Case(ties=True, stride=(2, 2), image=(7, 6)),
    "a window larger than the image": Case(k=5, image=(2, 3)),
    "the mean first": Case(kinds=(MEAN, MAX), k=5, stride=(2, 1), image=(6, 5)),
    "the mean alone": Case(kinds=(MEAN,)),
    "the maximum alone": Case(kinds=(MAX,), stride=(2, 2)),
    "side 1": Case(k=1, stride=(2, 2)),
    "without moments": Case(moments=False),
    "three channels": Case(channels=3, image=(3, 2), stride=(1, 2)),
}


SLOW = ("three channels", "the mean first", "strided, even", "strided in one axis", "side 1")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in CASES]
)
def test_float32(name: str) -> None:
    case = CASES[name]
    truth = case.results(torch.float64, kernels=False)
    assert max(apart(case.results(torch.float32, kernels=True), truth)) < CLOSE[torch.float32]


@pytest.mark.parametrize("name", ["strided, odd", "ties"])
def test_bfloat16(name: str) -> None:
    truth = CASES[name].results(torch.float64, kernels=False)
    ours = CASES[name].results(torch.bfloat16, kernels=True)
    assert [ours[0].dtype, ours[-1].dtype] == [torch.bfloat16] * 2
    assert max(apart(ours, truth)) < CLOSE[torch.bfloat16]


def test_the_first_of_equal_numbers_takes_the_gradient() -> None:
    run = Run(Pools((MAX,), 3, (1, 1), ()), Tiles(64, 4), False)
    x = torch.zeros(1, 1, 3, 3, requires_grad=True)
    pool(x, run).y.sum().backward()
    assert x.grad is not None
    assert x.grad.view(9).tolist() == [4.0, 2.0, 0.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_what_is_no_number_stays_as_in_torch(value: float) -> None:
    run = Run(Pools((MAX, MEAN), 3, (2, 2), ()), Tiles(64, 4), False)
    given = CASES["as it is"].numbers().float()
    given[0, 0, :3] = value
    found = []
    for way in (pool, in_torch):
        x = given.clone().requires_grad_()
        y = way(x, run).y
        found.append([y.detach(), torch.autograd.grad(y, x, torch.ones_like(y))[0]])
    torch.testing.assert_close(*found, equal_nan=True)


def test_a_graph_of_the_backward_pass() -> None:
    case, found = CASES["strided, odd"], []
    for way, dtype in ((in_torch, torch.float64), (pool, torch.float32)):
        x = case.numbers().to(dtype).requires_grad_()
        result = way(x, Run(Pools(case.kinds, 3, case.stride, ()), Tiles(64, 4), True))
        once = torch.autograd.grad(result, x, directions(result), create_graph=True)
        twice = torch.autograd.grad(once, x, directions(once))
        found.append([each.detach() for each in (*once, *twice)])
    assert max(apart(found[1], found[0])) < 1e-5


# ------------------------------------------------------------- with batch norms


def normalised(case: Case, pools: Pools, dtype: torch.dtype, gain: bool) -> list[Tensor]:
    """Results and gradients, and running statistics afterwards."""
    x = case.numbers().to(dtype).requires_grad_()
    factor = torch.linspace(-1, 2, 2 * case.channels, dtype=dtype).requires_grad_() if gain else None
    found = pool_choice.chosen(pools, x, factor, PLAIN)(pools, x, factor, PLAIN)
    leaves = [each for each in (x, factor) if each is not None]
    gradients = torch.autograd.grad(found, leaves, directions(found))
    moved = [each.double() for norms in pools.norms for norm in norms for each in norm.buffers()]
    return [*(each.detach() for each in found), *gradients, *moved]


def pools_of(case: Case, dtype: torch.dtype) -> Pools:
    """Batch norms of which the first stands for another one."""
    made = [tuple(BatchNorm2d(case.channels, affine=False).to(dtype) for _ in range(2)) for _ in case.kinds]
    return Pools(case.kinds, case.k, case.stride, tuple(made))


@pytest.mark.parametrize("gain", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_normalised(interpreted: None, gain: bool, training: bool) -> None:
    case, found = CASES["strided, odd"], []
    for dtype in (torch.float64, torch.float32):
        pools = pools_of(case, dtype)
        for norm in (norm for norms in pools.norms for norm in norms):
            norm.train(training)
        found.append(normalised(case, pools, dtype, gain))
    assert max(apart(found[1], found[0])) < 1e-5


def test_norms_that_are_set_otherwise_are_left_to_torch(interpreted: None) -> None:
    case = CASES["as it is"]
    x, pools = case.numbers().float(), pools_of(case, torch.float32)

    def chosen(given: Pools, x: Tensor = x, pass_: Pass = PLAIN) -> bool:
        return pool_choice.chosen(given, x, None, pass_) is not composed

    assert chosen(pools)
    assert not chosen(replace(pools, k=13))
    assert not chosen(replace(pools, kinds=(MAX, "window")))
    assert not chosen(pools, x.double())
    assert not chosen(pools, x[:1, :, :1, :1])  # one pixel has no variance: torch says so
    pools.norms[1][0].eps = 1e-3
    assert not chosen(pools)


def test_it_is_measured_beside_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooled, "TILES", (Tiles(64, 4),))
    monkeypatch.setattr(measure, "_milliseconds", lambda _, way: 2.0 if way is composed else 1.0)
    case = CASES["strided, odd"]
    x, pools = case.numbers().float(), pools_of(case, torch.float32)
    found = measure.measured(pool_choice.PoolCase.like(pools, x, torch.ones(4)), "ieee")
    assert found == {"way": "64x4", "ms": {"torch": 2.0, "64x4": 1.0}}
    assert not any(norm.running_mean.any() for norms in pools.norms for norm in norms)
    assert pool_choice._key(pools, x, None) == "pooled torch.float32 train 2x5x3 max_pool.avg_pool 3 2x2 -"


SPEC = """darts 1

cell c {
  input  a, b : conv(1) > bn
  node   p, q : sum
  edge   all -> p, q : none | max_pool(3)/stride > bn | avg_pool(3)/stride > bn
  output concat(p, q)
}

network tiny(C = 2) {
  input image(2, 3, 4)
  stem  conv(1)
  stage c/2 width C
  head  global_avg_pool > linear(3)
}
"""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, interpreted: None) -> list[tuple[int, ...]]:
    """The shapes of all that goes through the kernels."""
    found: list[tuple[int, ...]] = []

    def counted(x: Tensor, run: Run) -> object:
        found.append(tuple(x.shape))
        return pool(x, run)

    monkeypatch.setattr(pooled, "pool", counted)
    return found


def test_a_supernet(calls: list[tuple[int, ...]]) -> None:
    assert_close(SPEC, passed)
    assert [shape[2:] for shape in calls] == [(3, 4), (3, 4), (2, 2)]  # of a, b, p
