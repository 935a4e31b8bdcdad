"""Dead and common work: what is left of a graph, and that the numbers are the same."""

from __future__ import annotations

import copy
from pathlib import Path

import networkx as nx
import torch
from torch import nn
from torch.func import functional_call

from dartsl.graph.build import build
from dartsl.graph.listing import listing
from dartsl.graph.operations import application, info
from dartsl.graph.passes import optimise
from dartsl.graph.passes.cse import Cse
from dartsl.graph.passes.dead import Dead
from dartsl.graph.verify import verify
from dartsl.nn.lower import lower
from dartsl.nn.passing import PLAIN
from tests.conftest import Golden
from tests.nn.graphs import Sketch
from tests.passes.same import CPU, assert_same, images, model, planned_text, same_state

HERE = Path(__file__).parent
RUN = (Dead(), Cse())

# Every operation has a name that says nothing; both nodes read a, two edges are twins, y reaches no output.
SPEC = """darts 1

op first  = max_pool(3)/stride > mix_bn
op second = relu > conv(1)/stride > bn
op third  = match stride { 1 => identity, 2 => avg_pool(2)/2 }
op fourth = relu > relu > avg_pool(3)/stride > bn > mix_bn
op fifth  = noise

cell c {
  input  a : second
  node   p, q, y : sum
  edge   a -> p : none | first | second | third | fifth
  edge   a -> p : none | first | second | third | fifth
  edge   a -> q : first | none | fourth | third
  edge   p -> q : none | second
  edge   q -> y : first | second
  output mean(p, q)
}

network tiny(C = 2) {
  input image(2, 7, 6)
  stem  conv(1)
  stage c/2 > c width C
  head  global_avg_pool > linear(3)
}
"""

# The zero node, and a node that is its input but for a weight.
ZEROS = """darts 1

cell c {
  input  a
  node   p, s : sum
  edge   a -> p : none
  edge   a -> s : identity | none
  output concat(p, s)
}

network tiny(C = 2) {
  input image(2, 5, 4)
  stem  conv(1)
  stage c width C
  head  global_avg_pool > linear(3)
}
"""

# One input, an output like it: cells whose values are one another's, and what they read is one batch norm.
RAW = """darts 1

op pool = max_pool(3) > mix_bn

cell c {
  input  a, b
  node   p : sum
  edge   a, b -> p : pool | identity
  output p
}

network tiny(C = 2) {
  input image(2, 5, 4)
  stem  conv(1)
  stage c*3 width C
  head  global_avg_pool > linear(3)
}
"""


def graph_after(text: str) -> nx.DiGraph:
    graph = build(planned_text(text))
    for each in RUN:
        graph = each.run(graph)
        verify(graph)
    return graph


def kinds(graph: nx.DiGraph) -> list[str]:
    return [application(graph, node).kind for node in graph]


def test_what_is_left(golden: Golden) -> None:
    golden(HERE / "golden" / "shared.txt", listing(graph_after(SPEC)))
    assert_same(SPEC, RUN)


def test_common_work_is_done_once() -> None:
    graph = graph_after(SPEC)
    for layer in ("layer0", "layer1"):
        mine = [application(graph, node) for node in graph if application(graph, node).layer == layer]
        pools = [applied for applied in mine if applied.kind == "max_pool"]
        assert len(pools) == 1
        (shared,) = [applied for applied in mine if len(applied.state) == 3]
        assert shared.kind == "bn"
        assert not {"none", "identity"} & {applied.kind for applied in mine}
        assert sum(applied.kind == "noise" for applied in mine) == 2  # draws of their own
        assert sum(applied.kind == "conv" for applied in mine) == 4  # parameters of their own


def test_modules_and_alphas_stay() -> None:
    plain = build(planned_text(SPEC))
    graph = graph_after(SPEC)
    assert info(graph).modules == info(plain).modules
    assert (info(graph).alphas, info(graph).layers) == (info(plain).alphas, info(plain).layers)
    assert build(planned_text(SPEC)).nodes == plain.nodes


def test_passes_leave_their_graph_alone() -> None:
    graph = build(planned_text(SPEC))
    before = listing(graph)
    optimise(graph, 2, CPU)
    assert listing(graph) == before


def test_zeros_that_are_needed_stay() -> None:
    assert kinds(graph_after(ZEROS)).count("none") == 1
    assert_same(ZEROS, RUN)
    assert_same(ZEROS, [Dead()])
    sketch = Sketch((2, 5, 4))
    sketch.layer("head")
    small = sketch.call("head.small", "global_avg_pool", "image", shape=(2, 1, 1))
    zeros = sketch.call("head.none", "none", "image", attributes={"stride": (1, 1)})
    total = sketch.call("head.sum", "sum", small, zeros, shape=(2, 5, 4))
    graph = Dead().run(sketch.finish(total))
    assert application(graph, "head.sum").inputs == (small, zeros)  # the zeros have the size


def test_a_graph_may_be_its_input() -> None:
    sketch = Sketch((2, 5, 4))
    sketch.layer("head")
    graph = Dead().run(sketch.finish(sketch.call("head.identity", "identity", "image")))
    assert (list(graph), info(graph).output) == (["image"], "image")
    x = torch.randn(1, 2, 5, 4)
    assert torch.equal(lower(graph)(x, PLAIN), x)


def test_batch_norms_of_two_layers_are_two() -> None:
    """They read the same pool, once computed, but their modules live in their own layers."""
    graph = graph_after(RAW)
    for node in graph:
        applied = application(graph, node)
        assert all(path.startswith(f"{applied.layer}.") for path in applied.state)
    plain = Dead().run(build(planned_text(RAW)))
    assert kinds(graph).count("max_pool") < kinds(plain).count("max_pool")
    assert_same(RAW, RUN)


# ------------------------------------------------------------- shared statistics


def pair() -> tuple[nn.Module, nn.Module, torch.Tensor]:
    planned = planned_text(SPEC)
    return model(planned, build(planned)), model(planned, graph_after(SPEC)), images(planned, 4, seed=3)[0]


def test_shared_statistics_survive_what_happens_to_modules() -> None:
    plain, shared, x = pair()
    plain(x), shared(x)
    plain, shared = copy.deepcopy(plain), copy.deepcopy(shared)
    plain(x), shared(x)
    same_state(shared, plain)
    plain, shared = plain.float().double(), shared.float().double()
    plain(x), shared(x)
    same_state(shared, plain, 1e-6)
    shared.load_state_dict(plain.state_dict())
    plain(x), shared(x)
    same_state(shared, plain)
    names = [name for name, _ in plain.named_buffers()]
    assert names == [name for name, _ in shared.named_buffers()]


def test_functional_call_moves_its_own_statistics() -> None:
    plain, shared, x = pair()
    kept = {name: value.clone() for name, value in shared.state_dict().items()}
    moved = []
    for each in (plain, shared):
        state = {name: value.clone() for name, value in each.state_dict().items()}
        functional_call(each, state, (x,))
        moved.append(state)
    assert all(torch.equal(value, kept[name]) for name, value in shared.state_dict().items())
    for name, value in moved[0].items():
        torch.testing.assert_close(moved[1][name], value, rtol=1e-10, atol=1e-12)
