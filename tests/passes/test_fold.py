"""Mixing folded into sums and batch norms: what becomes of a node, and that the numbers are the same."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest
import torch

from dartsl.graph.listing import listing
from dartsl.graph.operations import application
from dartsl.graph.passes.cse import Cse
from dartsl.graph.passes.dead import Dead
from dartsl.graph.passes.fold import Fold
from dartsl.nn import fused, packing
from dartsl.nn.passing import PLAIN
from tests.conftest import Golden
from tests.passes.same import assert_same, optimised_graph

HERE = Path(__file__).parent
BEFORE = (Dead(), Cse())

SPEC = """darts 1

op pool  = max_pool(3) > mix_bn
op conv3 = relu > conv(3) > bn
op twice = sum(conv(1), relu)

cell c {
  input  a, b
  node   p : sum
  node   q : MERGE
  edge   a, b -> p : none | pool | conv3 | identity
  edge   a -> q : pool | conv3 | twice
  edge   p -> q : conv3
  output concat(p, q)
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
    return optimised_graph(text, (*BEFORE, Fold()))


def test_a_node_is_one_sum(golden: Golden) -> None:
    text = SPEC.replace("MERGE", "sum")
    golden(HERE / "golden" / "fold.txt", listing(graph_after(text)))
    assert_same(text, [*BEFORE, Fold()])
    assert_same(text, [Fold()])


@pytest.mark.parametrize("merge", ["mean", "product > mix_bn", "concat"])
def test_under_another_merge_the_mix_alone_is_folded(merge: str) -> None:
    text = SPEC.replace("MERGE", merge)
    graph = graph_after(text)
    assert not any(application(graph, node).kind == "mix" for node in graph)
    assert_same(text, [*BEFORE, Fold()])


def test_a_batch_norm_with_two_readers_keeps_its_scale() -> None:
    graph = graph_after(SPEC.replace("MERGE", "sum"))
    pools = [node for node in graph if application(graph, node).kind == "max_pool"]
    (bn,) = {reader for pool in pools for reader in graph.successors(pool)}
    assert application(graph, bn).kind == "bn"  # read by three edges, each with a weight of its own


def test_a_batch_norm_with_affine_keeps_its_scale() -> None:
    text = SPEC.replace("MERGE", "sum").replace("pool | conv3 | identity", "conv3 | conv3 > relu | identity")
    assert_same(text, [*BEFORE, Fold()])


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_a_scaled_batch_norm_and_its_gradients(layout: str) -> None:
    """An expanded weight (stride 0) gives torch's channels_last batch norm a wrong gradient of its input."""
    torch.manual_seed(0)
    bn = torch.nn.BatchNorm2d(8, affine=False).double()
    weights = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    x = fused.layout(torch.randn(4, 8, 6, 6, dtype=torch.float64), layout).requires_grad_()
    slope = torch.randn_like(x)
    (gain,) = packing.gains(packing.rows(weights), [(1, 2)], 8, [1])
    ours = fused.scaled_bn(x, [bn], gain, PLAIN)
    plain = bn(x) * weights[1, 2]
    torch.testing.assert_close(ours, plain, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        torch.autograd.grad((ours * slope).sum(), (x, weights)),
        torch.autograd.grad((plain * slope).sum(), (x, weights)),
        rtol=1e-10,
        atol=1e-12,
    )
