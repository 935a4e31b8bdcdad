"""Searches that mix some of each edge's channels (PC-DARTS)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import dartsl
from dartsl.graph.budget import UNITS, budget, counted
from dartsl.graph.build import build
from dartsl.graph.operations import application, info
from dartsl.graph.passes import apply, optimise, parse
from dartsl.graph.prune import prune
from dartsl.graph.tables import SHARE
from dartsl.graph.target import LEVELS, TARGETS
from dartsl.graph.verify import verify
from dartsl.lang.checker import check, pick_network
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import Plan
from dartsl.nn.build import Build
from dartsl.nn.emit import emit_python
from dartsl.nn.passing import PLAIN, Pass, Scheduled
from dartsl.nn.supernet import Supernet, from_plan
from dartsl.searching import loop
from dartsl.searching.memory import step_memory
from tests.nn.test_lower import import_text
from tests.passes.same import CPU, compare
from tests.search.runs import STEPS, checkpoint_of, quiet, run, same_runs

PARTS = 4
SPEC = """darts 1

import "std/cnn"

cell normal {
  input  a, b : preprocess
  node   n, m, p : sum keep 1
  node   q : product
  edge   all -> n : none | skip_connect | relu_conv_bn(3) | max_pool_3x3
  edge   a, n -> m : skip_connect | dil_conv_3x3 | avg_pool_3x3
  edge   b -> m : relu_conv_bn(1)
  edge   n, m -> p : sep_conv_3x3 | skip_connect
  edge   n, a -> q : skip_connect | relu_conv_bn(1)
  output concat(p, q)
}

network small(C = 8) {
  input image(1, 8, 8)
  stem  conv(3) > bn
  stage normal > normal/2  width C
  head  global_avg_pool > linear(10)
}
"""


def planned(parts: int = PARTS, text: str = SPEC) -> Plan:
    spec = check(Source("s.darts", text))
    return plan(spec, pick_network(spec, None), {}, parts)


def graph_of(*, beside: bool = False, edge_weights: bool = False, parts: int = PARTS):
    return build(planned(parts), auxiliary_skip=beside, edge_weights=edge_weights)


def built(
    text: str, *, beside: bool = False, edge_weights: bool = False, relaxation: str = "softmax"
) -> Supernet:
    """The network after the passes of a text, with parameters that depend on their names alone."""
    plain = graph_of(beside=beside, edge_weights=edge_weights)
    chosen = apply(plain, parse(text)).graph if text else plain
    given = Build(level=0, dtype=torch.float64, edge_weights=edge_weights, relaxation=relaxation)
    made = Supernet(planned(), chosen, given)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for _, parameter in sorted(made.named_parameters()):
            parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64), alpha=0.3)
    return made


ALL = [CPU.passes[1], CPU.passes[2], TARGETS["cuda"].passes[2], "shuffles", "shuffles,fold"]


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize(
    "form",
    [{}, {"edge_weights": True, "beside": True}, {"relaxation": "sigmoid", "edge_weights": True}],
    ids=["plain", "all", "sigmoid"],
)
def test_every_level_computes_the_same(text: str, form: dict[str, object]) -> None:
    compare(built("", **form), built(text, **form))


def test_one_part_is_all_of_it() -> None:
    whole, again = (dartsl.compile(Source("s.darts", SPEC), **each) for each in ({}, {"partial": 1}))
    assert whole.network.code == again.network.code
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in whole.state_dict().items())


def test_edges_of_a_node_are_shuffled_once_and_a_source_is_pooled_once() -> None:
    plain = graph_of()
    after = optimise(plain, 2, CPU).graph

    def count(graph, kind: str) -> int:
        return sum(application(graph, node).kind == kind for node in graph)

    edges = sum(edge.searched for edge in planned().cells()[0].edges)
    assert count(plain, "shuffle") == 2 * edges
    assert count(after, "shuffle") == 2 * (3 + 2)  # the three sums of a cell, and both edges into the product
    rest = [
        node
        for node in after
        if application(after, node).kind == "max_pool" and dict(application(after, node).attributes)["k"] == 2
    ]
    assert len(rest) == 2  # of `a` and `b`, in the cell with stride 2


def test_weightless_candidates_leave_each_channel_once() -> None:
    """The auxiliary skip connection stands beside what is mixed: what passes by is not skipped a second time."""
    text = SPEC.replace("normal > normal/2", "normal").replace(" keep 1", "")
    model = from_plan(
        check(Source("s.darts", text)),
        planned(text=text),
        Build(level=0, dtype="float64", relaxation="sigmoid", auxiliary_skip=True),
    )
    with torch.no_grad():
        model.alpha("normal").fill_(-1e4)
    seen = {}
    layer = model.network.layer0
    edge = next(node for node in layer.graph.nodes if node.meta.get("application") == "layer0.n.a.shuffle")
    source = next(node for node in layer.graph.nodes if node.meta.get("application") == "layer0.a.bn")

    class Seeing(torch.fx.Interpreter):
        def run_node(self, node: torch.fx.Node) -> object:
            result = super().run_node(node)
            if node in (edge, source):
                seen[node] = result
            return result

    stem = model.network.stem0(torch.randn(2, 1, 8, 8, dtype=torch.float64), PLAIN)
    weights = model._mixing(Pass(scheduled=Scheduled(auxiliary_skip=1.0)))
    Seeing(layer).run(stem, *weights, PLAIN)
    x = seen[source]
    wanted = x.unflatten(1, (PARTS, -1)).transpose(1, 2).flatten(1, 2)
    torch.testing.assert_close(seen[edge], wanted, rtol=0, atol=0)


def test_it_stays_when_candidates_go() -> None:
    graph = graph_of(beside=True, edge_weights=True)
    (table,) = info(graph).alphas
    pruned = prune(graph, {"normal": dict.fromkeys(range(len(table.sizes)), (1,))})
    verify(pruned.graph)
    (table,) = info(pruned.graph).alphas
    assert table.after(SHARE) == 2
    made = Supernet(planned(), pruned.graph, Build(level=2, edge_weights=True))
    assert made(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_what_is_counted() -> None:
    """Budgets count what is found, at full width; the network that is searched is smaller, and a step of it."""
    whole, some = planned(1), planned()
    assert all(budget(whole, counted(whole, unit)) == budget(some, counted(some, unit)) for unit in UNITS)
    source = Source("s.darts", SPEC)
    wide, narrow = (dartsl.info(source, partial=parts, memory="none") for parts in (1, PARTS))
    assert narrow.parameters < wide.parameters / 2
    assert narrow.space_size == wide.space_size
    model = dartsl.compile(source, partial=PARTS)
    assert narrow.parameters == sum(each.numel() for each in model.weights())
    assert step_memory(some, 64, "2").passes < 0.7 * step_memory(whole, 64, "2").passes
    spec = Source("s.darts", SPEC + f"search {{ partial = {PARTS} }}")
    assert dartsl.info(spec, memory="none").parameters == narrow.parameters


@pytest.mark.parametrize("level", LEVELS)
def test_the_text_runs(level: int, tmp_path: Path) -> None:
    model = dartsl.compile(Source("s.darts", SPEC), partial=PARTS, edge_weights=True, level=level)
    made = import_text(emit_python(model.network), tmp_path, model.network)
    made.load_state_dict(model.network.state_dict())
    x, weights = torch.randn(3, 1, 8, 8), model._mixing(PLAIN)
    torch.testing.assert_close(made(x, *weights), model.network(x, *weights, PLAIN))
    assert "shuffle(" in dartsl.emit(Source("s.darts", SPEC), partial=PARTS, level=level)


@pytest.mark.parametrize("order", ["1", pytest.param("exact", marks=pytest.mark.slow)])
def test_an_interrupted_run_goes_on_bit_for_bit(
    tiny: Path, stop_after: Callable[[int], None], order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.write_text(tiny.read_text().replace("C = 2", "C = 4"))
    given = {"order": order, "partial": 2, "edge_weights": True}
    run(tiny, "whole", **given)
    stop_after(STEPS + 2)
    assert not run(tiny, "parts", **given).finished
    monkeypatch.undo()
    torch.rand(3)
    assert loop.resume(tiny.parent / "parts", console=quiet()).finished
    same_runs(tiny.parent / "whole", tiny.parent / "parts")
    run(tiny, "plain", order=order)
    shapes, wide = (checkpoint_of(tiny.parent / name)["state"]["model"] for name in ("parts", "plain"))
    assert {name for name in shapes if "betas" not in name} == set(wide)
    assert any(
        2 * shapes[name].shape[:1].numel() == wide[name].shape[:1].numel()
        for name in wide
        if wide[name].dim()
    )
    found = dartsl.Run(tiny.parent / "parts")
    assert found.found is not None
    assert "partial" not in found.found
    assert found.model().plan.partial == 2


def test_a_network_of_text_has_none() -> None:
    with pytest.raises(UserError, match="is for networks of images"):
        dartsl.search("darts_rnn", partial=2)
    with pytest.raises(dartsl.SpecError) as fault:
        dartsl.compile("darts_rnn", partial=2)
    assert {each.code for each in fault.value.diagnostics} == {"E0613"}
