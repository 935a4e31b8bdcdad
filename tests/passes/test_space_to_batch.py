"""Dilated depthwise convolutions in phase space: what moves, what stays, and that the numbers are the same."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import networkx as nx
import pytest
import torch
from torch.nn import functional as F

from dartsl.graph.build import build
from dartsl.graph.listing import listing
from dartsl.graph.operations import application
from dartsl.graph.passes import passes_of
from dartsl.graph.passes.cse import Cse
from dartsl.graph.passes.dead import Dead
from dartsl.graph.passes.fold import Fold
from dartsl.graph.passes.space_to_batch import SpaceToBatch
from dartsl.graph.target import TARGETS
from dartsl.nn import fused
from tests.conftest import Golden
from tests.passes.same import CPU, assert_same, optimised_graph, planned_text

HERE = Path(__file__).parent
BEFORE = (Dead(), Cse(), Fold())

SPEC = """darts 1

op near = relu > dwconv(3) > conv(1) > bn
op far  = relu > dwconv(KERNEL, dilation = DILATION)/stride > conv(1) > bn

cell c {
  input  a, b
  node   p : sum
  node   q : sum
  edge   a, b -> p : near | far
  edge   a, b -> q : far | identity
  edge   p -> q : far | near
  output concat(p, q)
}

network tiny(C = 2) {
  input image(2, HEIGHT, WIDTH)
  stem  conv(1)
  stage c width C
  head  global_avg_pool > linear(3)
}
"""

STRIDED = """darts 1

op near = conv(1)/stride > bn
op far  = relu > dwconv(KERNEL, dilation = DILATION)/stride > bn

cell c {
  input  a
  node   p : sum
  edge   a -> p : near | far
  output p
}

network tiny(C = 2) {
  input image(2, HEIGHT, WIDTH)
  stem  conv(1)
  stage c/2 width C
  head  global_avg_pool > linear(3)
}
"""


def text_of(text: str, height: int = 8, width: int = 4, kernel: int = 3, dilation: int = 2) -> str:
    values = {"HEIGHT": height, "WIDTH": width, "KERNEL": kernel, "DILATION": dilation}
    for name, value in values.items():
        text = text.replace(name, str(value))
    return text


def graph_after(text: str) -> nx.DiGraph:
    """The graph of a spec's text after the passes before and the pass itself."""
    return optimised_graph(text, (*BEFORE, SpaceToBatch()))


def kinds(graph: nx.DiGraph) -> Counter[str]:
    return Counter(application(graph, node).kind for node in graph)


def test_one_way_there_for_a_source_and_one_back_for_a_target(golden: Golden) -> None:
    graph = graph_after(text_of(SPEC))
    found = kinds(graph)
    # Both inputs of the cell are the stem here; q has one term of p's, and two of the stem's, in phases.
    assert (found["space_to_batch"], found["batch_to_space"]) == (2, 2)
    assert found["convolution"] == 5
    golden(HERE / "golden" / "space_to_batch.txt", listing(graph))
    assert_same(text_of(SPEC), [*BEFORE, SpaceToBatch()])


@pytest.mark.parametrize(("height", "width"), [(7, 4), (8, 5), (9, 3)])
def test_what_has_no_whole_phases_stays(height: int, width: int) -> None:
    plain = build(planned_text(text_of(SPEC, height, width)))
    assert SpaceToBatch().run(plain).nodes(data=True) == plain.nodes(data=True)


def test_other_targets_keep_dilation() -> None:
    assert SpaceToBatch() in passes_of(2, CPU)
    assert SpaceToBatch() not in passes_of(2, TARGETS["cuda"])


@pytest.mark.parametrize(
    ("kernel", "dilation", "height", "width"), [(5, 3, 9, 6), (3, 4, 8, 8), (7, 2, 4, 2), (1, 2, 4, 4)]
)
def test_any_kernel_and_dilation(kernel: int, dilation: int, height: int, width: int) -> None:
    text = text_of(SPEC, height, width, kernel, dilation)
    found = kinds(graph_after(text))
    assert found["convolution"] == 5
    assert bool(found["space_to_batch"]) == (kernel > 1)
    assert_same(text, [*BEFORE, SpaceToBatch()])
    assert_same(text, [SpaceToBatch()])


def test_a_stride_that_divides_the_dilation_subsamples(golden: Golden) -> None:
    text = text_of(STRIDED, 7, 6)
    golden(HERE / "golden" / "space_to_batch_strided.txt", listing(graph_after(text)))
    assert_same(text, [SpaceToBatch()])


@pytest.mark.parametrize(
    ("dilation", "height", "there"),
    [(4, 8, True), (4, 16, True), (4, 9, False), (6, 12, True), (3, 12, False)],
)
def test_what_is_left_of_the_dilation(dilation: int, height: int, there: bool) -> None:
    text = text_of(STRIDED, height, 12, 3, dilation)
    found = kinds(graph_after(text))
    assert bool(found["space_to_batch"]) == there
    assert bool(found["subsample"]) == (dilation % 2 == 0)
    assert_same(text, [SpaceToBatch()])


def test_one_dilated_convolution_after_another_stays_in_phases() -> None:
    text = text_of(SPEC).replace("op far  = relu > ", "op far = dwconv(5, dilation = 2) > bn > relu > ")
    found = kinds(graph_after(text))
    assert (found["space_to_batch"], found["batch_to_space"]) == (2, 2)
    assert_same(text, [*BEFORE, SpaceToBatch()])


def test_a_value_with_another_reader_comes_back_before_it_is_read() -> None:
    text = text_of(SPEC).replace(
        "relu > dwconv(3, dilation = 2)/stride > conv(1)",
        "dwconv(3, dilation = 2) > product(identity, sigmoid)",
    )
    assert_same(text, [*BEFORE, SpaceToBatch()])
    assert kinds(graph_after(text))["batch_to_space"] == 5


@pytest.mark.parametrize("factor", [(2, 2), (3, 1), (1, 4)])
def test_there_and_back(factor: tuple[int, int]) -> None:
    x = torch.randn(3, 5, 6, 8)[:, :, : 6 // factor[0] * factor[0], : 8 // factor[1] * factor[1]]
    phases = fused.space_to_batch(x, factor)
    assert torch.equal(fused.batch_to_space(phases, factor), x)
    assert torch.equal(
        phases.reshape(*factor, 3, *phases.shape[1:])[-1, -1],
        x[:, :, factor[0] - 1 :: factor[0], factor[1] - 1 :: factor[1]],
    )


@pytest.mark.parametrize(("k", "dilation"), [(3, 2), (3, 3), (5, 2), (7, 3)])
def test_the_kernel_against_the_dilated_one(k: int, dilation: int) -> None:
    x = torch.randn(2, 4, 2 * dilation, 4 * dilation, dtype=torch.float64)
    module = torch.nn.Conv2d(
        4, 4, k, padding=(k - 1) // 2 * dilation, dilation=dilation, groups=4, bias=False
    ).double()
    phases = fused.space_to_batch(x, (dilation, dilation))
    padding = ((k - 1) // 2,) * 2
    moved = fused.convolution(phases, module.weight, (1, 1), (padding[0], padding[1]), (1, 1), 4)
    expected = F.conv2d(x, module.weight, padding=module.padding, dilation=dilation, groups=4)
    torch.testing.assert_close(
        fused.batch_to_space(moved, (dilation, dilation)), expected, rtol=1e-12, atol=1e-12
    )
