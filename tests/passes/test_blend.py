"""Terms that go to the same nodes, mixed at once: what becomes of them, and that the numbers are the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import networkx as nx
import pytest
import torch
from torch import Tensor

from dartsl.graph.listing import listing
from dartsl.graph.operations import application
from dartsl.graph.passes.blend import Blend
from dartsl.graph.passes.cse import Cse
from dartsl.graph.passes.dead import Dead
from dartsl.graph.passes.fold import Fold
from dartsl.nn import fused
from tests.conftest import Golden
from tests.passes.same import assert_same, optimised_graph

HERE = Path(__file__).parent
BEFORE = (Dead(), Cse(), Fold())

SPEC = """darts 1

op pool = max_pool(3) > bn
op flat = avg_pool(3) > bn
op line = conv(1) > bn

cell c {
  input  a : line
  node   p : sum
  node   q : sum
  node   r : MERGE
  edge   a -> p, q, r : none | pool | flat | identity
  edge   p -> q, r : pool | identity
  edge   q -> r : identity | pool
  output concat(p, q, r)
}

network tiny(C = 2) {
  input image(2, 5, 4)
  stem  conv(1)
  stage c width C
  head  global_avg_pool > linear(3)
}
"""


def graph_after(text: str) -> nx.DiGraph:
    """The graph of a spec's text after the passes before and the pass itself."""
    return optimised_graph(text, (*BEFORE, Blend()))


def test_a_source_is_mixed_once_for_all_its_nodes(golden: Golden) -> None:
    text = SPEC.replace("MERGE", "sum")
    graph = graph_after(text)
    golden(HERE / "golden" / "blend.txt", listing(graph))
    blends = [application(graph, node) for node in graph if application(graph, node).kind == "blend"]
    # (a and its pools, for p, q, r), (p and its pool, for q, r); q's identity goes to r alone.
    assert sorted((len(found.inputs), len(graph)) for found in blends) == [(2, len(graph)), (3, len(graph))]
    assert_same(text, [*BEFORE, Blend()])


@pytest.mark.parametrize("merge", ["mean", "product > mix_bn"])
def test_under_other_merges(merge: str) -> None:
    text = SPEC.replace("MERGE", merge).replace("none | ", "")
    assert_same(text, [*BEFORE, Blend()])


def test_one_source_of_one_node_stays() -> None:
    text = SPEC.replace("MERGE", "sum").replace(
        "a -> p, q, r : none | pool | flat | identity", "a -> p : line | identity"
    )
    text = text.replace("p -> q, r : pool | identity", "p -> q, r : line")
    graph = graph_after(text)
    assert not any(application(graph, node).kind == "blend" for node in graph)


def test_a_second_time_nothing_is_left() -> None:
    graph = graph_after(SPEC.replace("MERGE", "sum"))
    assert list(Blend().run(graph)) == list(graph)


ENTRIES = (((0, 1), (0, 2)), ((1, 0), (1, 1)), ((0, 0), (0, 0)))


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_the_product_against_sums(layout: str) -> None:
    torch.manual_seed(0)
    weights = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    made = [torch.randn(2, 3, 4, 5, dtype=torch.float64) for _ in range(2)]
    inputs = [fused.layout(x, layout).requires_grad_() for x in made]
    slopes = [torch.randn(2, 3, 4, 5, dtype=torch.float64) for _ in ENTRIES]

    def gradients(function: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        total = sum((result * slope).sum() for result, slope in zip(function(), slopes, strict=True))
        return torch.autograd.grad(torch.as_tensor(total), (*inputs, weights))

    ours = gradients(lambda: fused.blend(*inputs, weights=weights, entries=ENTRIES))
    plain = gradients(
        lambda: tuple(fused.combine(*inputs, weights=weights, entries=list(entries)) for entries in ENTRIES)
    )
    torch.testing.assert_close(ours, plain, rtol=1e-12, atol=1e-12)
    results = fused.blend(*inputs, weights=weights, entries=ENTRIES)
    assert all(x.is_contiguous(memory_format=fused.FORMATS[layout]) for x in results)
