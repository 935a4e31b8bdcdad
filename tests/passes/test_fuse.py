"""Separable convolutions as one application, side by side and added: what becomes of a node."""

from __future__ import annotations

from pathlib import Path

from dartsl.graph.listing import listing
from dartsl.graph.operations import application
from dartsl.graph.passes import Pass, parse, passes_of
from dartsl.graph.passes.fuse import Fuse
from dartsl.graph.target import TARGETS
from tests.conftest import Golden
from tests.passes.same import assert_same, optimised_graph

HERE = Path(__file__).parent
PASSES = parse("dead,cse,fold,fuse,stack(limit=4096,across=true),sums,terms")

SPEC = """darts 1

op sep(k) = relu > dwconv(k)/stride > conv(1) > bn > relu > dwconv(k) > conv(1) > bn
op dil    = relu > dwconv(3, dilation = 2)/stride > conv(1) > bn
op bare   = dwconv(3)/stride > conv(1) > mix_bn
op wide   = dwconv(3)/stride > conv(3) > bn

cell c {
  input  a, b : conv(1) > bn
  node   p, q : sum
  edge   a, b -> p, q : none | sep(3) | dil
  edge   p -> q : bare | wide
  output concat(p, q)
}

network tiny(C = 2) {
  input image(2, 5, 4)
  stem  conv(1)
  stage c/2 width C
  head  global_avg_pool > linear(3)
}
"""


def kinds(passes: tuple[Pass, ...], text: str = SPEC) -> list[str]:
    graph = optimised_graph(text, passes)
    return [application(graph, node).kind for node in graph]


def test_a_node_takes_its_terms_before_they_are_normalised(golden: Golden) -> None:
    golden(HERE / "golden" / "fuse.txt", listing(optimised_graph(SPEC, PASSES)))
    assert_same(SPEC, PASSES)


def test_the_passes_of_cuda() -> None:
    assert_same(SPEC, passes_of(2, TARGETS["cuda"]))


def test_only_what_fits_is_fused() -> None:
    assert kinds((Fuse(),)).count("separable") == 9
    assert kinds((Fuse(width=1),)).count("separable") == 0


def test_what_others_read_stays() -> None:
    """A result between two stages that two read ends the first one; a ReLU that two read is there for the other."""
    text = SPEC.replace(
        "op bare   = dwconv(3)/stride > conv(1) > mix_bn",
        "op bare   = sum(relu, relu > dwconv(3) > conv(1) > bn)",
    )
    text = text.replace("c/2 width", "c width")
    assert "relu" in kinds((Fuse(),), text)
    assert_same(text, [Fuse()])
    assert_same(text, passes_of(2, TARGETS["cuda"]))
