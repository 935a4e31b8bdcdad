"""Where numbers lie and when they are computed: sums of stacks, what is written over, the order, gradients' layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from dartsl.graph.build import build
from dartsl.graph.operations import Application, application
from dartsl.graph.passes import apply, passes_of
from dartsl.graph.passes.in_place import InPlace
from dartsl.graph.passes.order import Order
from dartsl.graph.passes.sums import Sums
from dartsl.graph.rewrite import users
from dartsl.nn import fused
from tests.passes.same import CPU, assert_same, images, model, planned_text

SPEC = """darts 1

op sep(k) = relu > dwconv(k) > conv(1) > bn > relu > dwconv(k) > conv(1) > bn
op dil(k) = relu > dwconv(k, dilation = 2) > conv(1) > bn
op line = conv(1) > bn
op pool = avg_pool(3) > bn

cell c {
  input  a, b : line
  node   p : sum
  node   q : sum
  node   r : sum
  edge   a -> p, q, r : none | sep(3) | sep(5) | dil(3) | pool | identity
  edge   b -> p, q, r : sep(3) | sep(5) | dil(3)
  edge   p -> q, r : sep(3) | identity
  edge   q -> r : sep(3) | sep(5)
  output concat(p, q, r)
}

network tiny(C = 4) {
  input image(3, 8, 8)
  stem  conv(3) > bn
  stage c*2 width C
  head  global_avg_pool > linear(3)
}
"""


def graph_after(until: str | None = None) -> nx.DiGraph:
    return apply(build(planned_text(SPEC)), passes_of(2, CPU, until)).graph


def of_kind(graph: nx.DiGraph, kind: str) -> Mapping[str, Application]:
    found = {node: application(graph, node) for node in graph}
    return {node: applied for node, applied in found.items() if applied.kind == kind}


# ------------------------------------------------------------------------ sums


def test_stacks_for_the_same_sums_are_added_whole() -> None:
    graph = graph_after("sums")
    readers = users(graph)
    pieces = of_kind(graph, "piece")
    parts: dict[tuple[str, ...], int] = Counter()
    for split in of_kind(graph, "split"):
        mine = sorted(
            (node for node, piece in pieces.items() if piece.inputs == (split,)),
            key=lambda node: str(pieces[node].attribute("index")),
        )
        parts[tuple(reader for node in mine for reader in readers[node] if reader.endswith("sum"))] += 1
    groups = {targets: count for targets, count in parts.items() if len(targets) > 1}
    # From a and b to p, q and r, and from p to q and r, in both layers: each group is taken apart once.
    assert sorted(tuple(target.split(".")[1] for target in targets) for targets in groups) == [
        *[("p", "q", "r")] * 2,
        *[("q", "r")] * 2,
    ]
    assert set(groups.values()) == {1}


def test_sums_pass_alone_and_after_all_before() -> None:
    before = passes_of(2, CPU, "sums")
    assert before[-1] == Sums()
    assert_same(SPEC, before)
    assert_same(SPEC, [Sums()])


# -------------------------------------------------------------------- in place


def test_a_relu_writes_over_a_batch_norm_that_it_alone_reads() -> None:
    graph = graph_after()
    readers = users(graph)
    written = of_kind(graph, "relu_in_place")
    assert written
    for applied in written.values():
        (source,) = applied.inputs
        assert len(readers[source]) == 1
        assert application(graph, source).kind.endswith(("bn", "bn_stack"))
        assert application(graph, source).layer == applied.layer
    # The cells' inputs are batch norms too, read by ReLUs and by pools: those keep what they read.
    kept = [applied.inputs[0] for applied in of_kind(graph, "relu").values()]
    assert any(application(graph, source).kind == "bn" for source in kept)


def test_in_place_alone() -> None:
    assert_same(SPEC, [InPlace()])


# ----------------------------------------------------------------------- order


def test_a_chain_is_computed_without_a_pause() -> None:
    graph = graph_after()
    readers = users(graph)
    names = list(graph)
    chained = [
        (node, application(graph, node).inputs[0])
        for node in names
        if len(application(graph, node).inputs) == 1 and len(readers[application(graph, node).inputs[0]]) == 1
    ]
    assert len(chained) > 20
    for node, source in chained:
        assert names.index(node) == names.index(source) + 1


def test_order_alone() -> None:
    assert_same(SPEC, [Order()])
    graph = graph_after("in_place")
    assert set(Order().run(graph)) == set(graph)


# ------------------------------------------------------------------- gradients


class _Scattered(TorchDispatchMode):
    """Counts the gradients that reach a batch norm, and those of them that do not lie channels_last."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen = 0
        self.scattered: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.native_batch_norm_backward.default:
            self.seen += 1
            if not args[0].is_contiguous(memory_format=torch.channels_last):
                self.scattered.append(tuple(args[0].stride()))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("alphas", [True, False])
def test_every_batch_norm_gets_its_gradient_as_it_reads_it(alphas: bool) -> None:
    planned = planned_text(SPEC)
    network = model(planned, graph_after())
    batch, labels = images(planned, 4, 0)
    wanted = network.alpha_parameters() if alphas else network.weights()
    loss = F.cross_entropy(network(batch), labels)
    found = _Scattered()
    with found:
        torch.autograd.grad(loss, wanted, allow_unused=True)
    assert found.seen > 10
    assert found.scattered == []


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, of forward mode
def test_side_by_side_has_all_derivatives() -> None:
    generator = torch.Generator().manual_seed(0)
    parts = tuple(
        torch.randn(2, width, 3, 2, generator=generator, dtype=torch.float64)
        .to(memory_format=torch.channels_last)
        .requires_grad_()
        for width in (3, 1, 2)
    )
    assert torch.equal(fused.side_by_side(*parts), torch.cat(parts, 1))
    torch.autograd.gradcheck(fused.side_by_side, parts, check_forward_ad=True)
    torch.autograd.gradgradcheck(fused.side_by_side, parts)

    def of_one(part: Tensor) -> Tensor:
        return fused.side_by_side(parts[0].detach(), part)

    torch.autograd.gradcheck(of_one, parts[1:2], check_forward_ad=True)
