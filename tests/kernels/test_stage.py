"""Every kernel of a stage against torch in float64, in many geometries."""

from __future__ import annotations

import itertools

import pytest
import torch

from dartsl.nn.kernels.stage import Norm, in_torch, stage
from tests.kernels.geometries import Stage, apart, directions, results

# Rounding of float32 grows with the root of the numbers that are added up, here at most some hundreds; measured 5e-7.
CLOSE = {torch.float32: 3e-6, torch.bfloat16: 4e-2}

CASES = {
    "as it is": Stage(),
    "one image, one channel, one pixel row": Stage(batch=1, channels=1, width=1, image=(1, 7)),
    "a kernel larger than the image": Stage(kernel=(5, 5), image=(2, 3)),
    "two images": Stage(batch=2),
    "5x5, dilated": Stage(kernel=(5, 5), dilation=(2, 2), image=(6, 5)),
    "3x3, dilated, strided": Stage(dilation=(2, 2), stride=(2, 2), image=(7, 5)),
    "strided, even": Stage(stride=(2, 2), image=(6, 4), norm=True),
    "strided in one axis": Stage(stride=(1, 2), kernel=(1, 3)),
    "stride 3, not square": Stage(stride=(3, 2), kernel=(3, 5), dilation=(1, 2), image=(8, 9)),
    "without padding": Stage(padding=(0, 0)),
    "much padding": Stage(padding=(3, 2)),
    "even kernel": Stage(kernel=(2, 2), padding=(1, 0)),
    "normalised": Stage(norm=True),
    "normalised, no ReLU": Stage(norm=True, relu=False),
    "no ReLU": Stage(relu=False),
    "depthwise alone": Stage(point=False),
    "depthwise alone, stacked, normalised": Stage(point=False, sources=(0, 1), norm=True),
    "without moments": Stage(moments=False),
    "wider": Stage(width=7),
    "narrower": Stage(channels=5, width=2),
    "beyond a block": Stage(channels=17, width=18, image=(2, 3)),
    "a stack": Stage(sources=(0, 1, 2), channels=2, width=2, norm=True),
    "a stack on one": Stage(sources=(0, 0, 0), channels=2),
    "a stack on two": Stage(sources=(0, 0, 1), channels=2, width=4, image=(3, 4)),
    "weights are constant": Stage(constant=True, norm=True),
    "many tiles": Stage(image=(7, 6), numbers=16, channels=2, width=2, norm=True),
}
SLOW = [
    Stage(sources, 2, 3, image, 1, (k, k), (s, s), (d, d), None, norm)
    for sources, image, k, s, d, norm in itertools.product(
        ((0,), (0, 0, 1)), ((7, 7), (4, 9)), (3, 5, 7), (1, 2), (1, 2), (False, True)
    )
]


def check(case: Stage, dtype: torch.dtype) -> None:
    truth = results(case, torch.float64, kernels=False)
    theirs = max(apart(results(case, dtype, kernels=False), truth))  # more where a mean is nearly 0
    assert max(apart(results(case, dtype, kernels=True), truth)) < max(CLOSE[dtype], 3 * theirs)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_float32(case: Stage) -> None:
    check(case, torch.float32)


@pytest.mark.parametrize("name", ["as it is", "normalised", "a stack on two", "depthwise alone"])
def test_bfloat16(name: str) -> None:
    check(CASES[name], torch.bfloat16)


@pytest.mark.slow
@pytest.mark.parametrize("case", SLOW, ids=str)
def test_more(case: Stage) -> None:
    check(case, torch.float32)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_more_bfloat16(case: Stage) -> None:
    check(case, torch.bfloat16)


def test_equal_inputs_give_equal_bits() -> None:
    case = Stage(norm=True, numbers=256)
    one, other = (results(case, torch.float32, kernels=True) for _ in range(2))
    assert all(map(torch.equal, one, other))


def test_means_far_from_zero_keep_their_variance() -> None:
    case = Stage(relu=False, norm=False, padding=(0, 0))
    given = case.numbers_of()
    x, depth, point = (given[place].float() for place in (0, 4, 5))
    far = x + 1000.0
    ours = stage(far, None, depth, point, case.run(torch.float32)).variance
    truth = in_torch(far.double(), None, depth.double(), point.double(), case.run(torch.float64)).variance
    assert apart([ours], [truth])[0] < 1e-4  # of squares, nothing would be left: 1e6 +- 1


def test_what_is_no_number_stays() -> None:
    case = Stage()
    x, _, _, _, depth, point = (None if each is None else each.float() for each in case.numbers_of())
    x[0, 0, 0, 0] = float("nan")
    assert stage(x, None, depth, point, case.run(torch.float32)).y.isnan().any()


def test_a_graph_of_the_backward_pass() -> None:
    case = CASES["normalised"]
    found = []
    for way, dtype in ((in_torch, torch.float64), (stage, torch.float32)):
        leaves = [each.to(dtype).requires_grad_() for each in case.numbers_of()]
        result = way(leaves[0], Norm(*leaves[1:4]), *leaves[4:], case.run(dtype))
        once = torch.autograd.grad(result, leaves, directions(result), create_graph=True)
        twice = torch.autograd.grad(once, leaves, directions(once))
        found.append([each.detach() for each in (*once, *twice)])
    assert max(apart(found[1], found[0])) < 1e-5
