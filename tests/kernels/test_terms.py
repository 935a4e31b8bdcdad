"""Sums of normalised terms against torch in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from dartsl.nn.kernels.stage import Norm
from dartsl.nn.kernels.terms import TENSORS, Part, add_terms, in_torch
from tests.kernels.geometries import apart

Sum = Callable[[Sequence[Part]], Tensor]


def leaves(terms: Sequence[int], channels: int, image: tuple[int, int], dtype: torch.dtype) -> list[Tensor]:
    """x, mean, scale and offset of each part; all ways start from the same numbers, exact in bfloat16."""
    draw = torch.Generator().manual_seed(6)
    wide = torch.float32 if dtype == torch.bfloat16 else dtype
    found = []
    for count in terms:
        shapes = [(2, count * channels, *image), *[(count * channels,)] * 3]
        drawn = [torch.randn(shape, generator=draw).bfloat16() for shape in shapes]
        found += [drawn[0].to(dtype), *(each.to(wide) for each in drawn[1:])]
    return [each.requires_grad_() for each in found]


def parts_of(terms: Sequence[int], tensors: Sequence[Tensor]) -> list[Part]:
    starts = range(0, len(tensors), TENSORS)
    return [
        Part(tensors[start], Norm(*tensors[start + 1 : start + TENSORS]), count)
        for start, count in zip(starts, terms, strict=True)
    ]


def results(way: Sum, terms: Sequence[int], tensors: Sequence[Tensor], twice: bool = False) -> list[Tensor]:
    y = way(parts_of(terms, tensors))
    along = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).view(y.shape).bfloat16().to(y.dtype)
    once = torch.autograd.grad(y, tensors, along, create_graph=twice)
    asked = [each for each in once if each.requires_grad]
    more = (
        torch.autograd.grad([each.square().sum() for each in asked], tensors, materialize_grads=True)
        if twice
        else ()
    )
    return [each.detach() for each in (y, *once, *more)]


@pytest.mark.parametrize(
    ("terms", "channels", "image"), [((1,), 3, (5, 4)), ((2, 1, 3), 2, (3, 5)), ((4,), 1, (1, 1))], ids=str
)
@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-6), (torch.bfloat16, 3e-2)], ids=str)
def test_sums(
    terms: tuple[int, ...], channels: int, image: tuple[int, int], dtype: torch.dtype, close: float
) -> None:
    truth = results(in_torch, terms, leaves(terms, channels, image, torch.float64))
    ours = results(add_terms, terms, leaves(terms, channels, image, dtype))
    assert [each.dtype for each in ours[:2]] == [dtype, dtype]
    assert max(apart(ours, truth)) < close


def test_channels_of_a_larger_tensor_need_no_copy() -> None:
    whole = torch.randn(2, 6, 3, 4)
    tensors = [whole[:, 2:4], *(torch.randn(2) for _ in range(3))]
    assert tensors[0].stride(0) == whole.stride(0)
    (expected,), (found,) = ([way(parts_of((1,), tensors))] for way in (in_torch, add_terms))
    assert apart([found], [expected.double()])[0] < 1e-6


def test_a_graph_of_the_backward_pass() -> None:
    truth = results(in_torch, (2, 1), leaves((2, 1), 2, (2, 3), torch.float64), twice=True)
    ours = results(add_terms, (2, 1), leaves((2, 1), 2, (2, 3), torch.float32), twice=True)
    assert max(apart(ours, truth)) < 1e-5
