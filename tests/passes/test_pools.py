"""Pools of one source as one application: what becomes of a node, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path

import torch

from dartsl.graph.build import build
from dartsl.graph.listing import listing
from dartsl.graph.operations import application
from dartsl.graph.passes import Pass, parse, passes_of
from dartsl.graph.target import TARGETS
from dartsl.nn.build import Build
from dartsl.nn.supernet import Supernet
from tests.conftest import Golden
from tests.passes.same import assert_same, images, optimised_graph, planned_text

HERE = Path(__file__).parent
PASSES = parse("dead,cse,fold,blend,pools")

SPEC = """darts 1

cell c {
  input  a, b : conv(1) > bn
  node   p, q, r : sum
  edge   all -> p, q, r : none | max_pool(3)/stride > bn | avg_pool(3)/stride > bn
  output concat(p, q, r)
}

network tiny(C = 2) {
  input image(2, 5, 4)
  stem  conv(1)
  stage c/2 width C
  head  global_avg_pool > linear(3)
}
"""


def kinds(text: str, passes: tuple[Pass, ...] = PASSES) -> list[str]:
    graph = optimised_graph(text, passes)
    return [application(graph, node).kind for node in graph]


def test_a_source_is_pooled_at_once(golden: Golden) -> None:
    golden(HERE / "golden" / "pools.txt", listing(optimised_graph(SPEC, PASSES)))
    assert_same(SPEC, PASSES)


def test_the_passes_of_cuda() -> None:
    found = kinds(SPEC, passes_of(2, TARGETS["cuda"]))
    assert [found.count(kind) for kind in ("pooled", "scaled_pooled")] == [3, 1]  # of a, b, p; of q
    assert_same(SPEC, passes_of(2, TARGETS["cuda"]))


def test_pools_of_several_sides_and_strides() -> None:
    text = SPEC.replace("avg_pool(3)/stride", "avg_pool(5)/stride")
    assert kinds(text).count("pooled") == 6
    assert_same(text, PASSES)


def test_pools_that_no_plain_batch_norm_follows_stay() -> None:
    """Alone, before something else, or before a batch norm with parameters."""
    for max_pool in ("max_pool(3)/stride", "max_pool(3)/stride > relu > bn"):
        text = SPEC.replace("max_pool(3)/stride > bn", max_pool)
        found = kinds(text)
        assert found.count("max_pool") == 4
        assert found.count("pooled") == 3
        assert_same(text, PASSES)
    decided = SPEC.replace(
        "none | max_pool(3)/stride > bn | avg_pool(3)/stride > bn", "max_pool(3)/stride > bn"
    )
    assert "pooled" not in kinds(decided)


def test_pools_of_even_sides_stay() -> None:
    """Their windows end beyond the image."""
    text = SPEC.replace("max_pool(3)/stride", "max_pool(2)/2").replace("avg_pool(3)/stride", "avg_pool(2)/2")
    text = text.replace("all -> p, q, r", "a, b -> p, q, r")
    found = kinds(text)
    assert "pooled" not in found
    assert found.count("max_pool") == 2


def test_norms_that_were_written_over_count_each_for_itself() -> None:
    """Beside the one that stands for them, after `cse`."""
    planned, outputs = planned_text(SPEC), []
    for passes in ((), PASSES):
        found = Supernet(planned, build(planned), Build(passes=passes, dtype=torch.float64)).eval()
        found.get_buffer("network.layer0.q.a.max_pool_3_stride_bn.bn.running_mean").fill_(2.0)
        outputs.append(found(images(planned, 2, seed=1)[0]).detach())
    torch.testing.assert_close(*outputs, rtol=1e-10, atol=1e-10)
