"""A network without some candidates computes what the whole one does where these weigh nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import networkx as nx
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from dartsl.graph.build import build
from dartsl.graph.operations import info
from dartsl.graph.passes import optimise
from dartsl.graph.prune import Pruned, prune
from dartsl.graph.verify import verify
from dartsl.lang.plan.terms import Plan
from dartsl.nn.passing import PLAIN
from dartsl.nn.supernet import Supernet
from dartsl.nn.text import TextOutput
from tests.passes.random_specs import spec_texts
from tests.passes.same import CPU, carries, images, model, planned_text, words

RECORDED = Path(__file__).parent.parent / "recorded"
Keep = Mapping[str, Mapping[int, list[int]]]
# normal: 5 rows of DARTS's 8 candidates, `none` first; reduction: 2 rows of 5
SMALL: Keep = {"normal": {0: [0, 3], 1: [5], 2: [1, 2, 4, 7], 4: [0]}, "reduction": {0: [4, 0], 1: [3]}}


def small_text() -> Keep:
    """Of each row of the recurrent cell every other candidate, and of one row one."""
    (table,) = info(build(planned_text((RECORDED / "small_text.darts").read_text()))).alphas
    rows = {row: list(range(row % 2, size, 2)) for row, size in enumerate(table.sizes)}
    return {table.name: {**rows, 0: [1]}}


def mixing(graph: nx.DiGraph) -> dict[str, Tensor]:
    """Random mixing weights of a network."""
    generator = torch.Generator().manual_seed(3)
    return {
        table.name: torch.rand(len(table.sizes), max(table.sizes), generator=generator, dtype=torch.float64)
        for table in info(graph).alphas
    }


def left(weights: Tensor, columns: tuple[tuple[int, ...], ...]) -> tuple[Tensor, Tensor]:
    """Mixing weights of the whole network with zeros for what is left out, and those of what is left."""
    whole = torch.zeros_like(weights)
    narrow = weights.new_zeros(len(columns), max(map(len, columns)))
    for row, places in enumerate(columns):
        for place, column in enumerate(places):
            whole[row, column] = narrow[row, place] = weights[row, column]
    return whole, narrow


def passed(made: Supernet, weights: list[Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits, and the gradients of a loss in all that takes part, by name."""
    text = made.plan.input.sequence
    x, labels = (words if text else images)(made.plan, 4, seed=1)
    names, parameters = zip(*made.network.named_parameters(), strict=True)
    output = made.network(x, *(carries(made, x) if text else ()), *weights, PLAIN)
    logits = output.logits if isinstance(output, TextOutput) else output
    loss = F.cross_entropy(logits.flatten(0, -2), labels.flatten())
    found = torch.autograd.grad(loss, parameters, materialize_grads=True)
    return logits.detach(), dict(zip(names, found, strict=True))


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize(("name", "text"), [("small.darts", False), ("small_text.darts", True)])
def test_what_is_left_computes_the_same(name: str, text: bool, level: int) -> None:
    planned = planned_text((RECORDED / name).read_text())
    graph = build(planned)
    pruned = prune(graph, small_text() if text else SMALL)
    verify(pruned.graph)
    same_outputs(planned, graph, pruned, level)


def same_outputs(
    planned: Plan, graph: nx.DiGraph, pruned: Pruned, level: int, tolerance: float = 1e-12
) -> None:
    """Outputs, and gradients of weights, of the whole network with zeros for what is left out, and of the other."""
    whole = model(planned, optimise(graph, level, CPU).graph)
    narrow = model(planned, optimise(pruned.graph, level, CPU).graph)
    state = whole.network.state_dict()
    assert set(narrow.network.state_dict()) <= set(state)
    narrow.network.load_state_dict({key: state[key] for key in narrow.network.state_dict()})
    both = [left(weights, pruned.columns[table]) for table, weights in mixing(graph).items()]
    wanted, gradients = passed(whole, [each for each, _ in both])
    logits, found = passed(narrow, [each for _, each in both])
    torch.testing.assert_close(logits, wanted, rtol=tolerance, atol=tolerance)
    for path, gradient in gradients.items():
        if path in found:
            torch.testing.assert_close(found[path], gradient, rtol=tolerance, atol=tolerance)
        else:
            assert not gradient.any(), path


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(text=spec_texts(), data=st.data())
def test_random_specs(text: str, data: st.DataObject) -> None:
    planned = planned_text(text)
    graph = build(planned)
    kept = {
        table.name: {
            row: data.draw(st.lists(st.sampled_from(range(size)), min_size=1, unique=True))
            for row, size in enumerate(table.sizes)
        }
        for table in info(graph).alphas
    }
    same_outputs(planned, graph, prune(graph, kept), 2, tolerance=1e-10)


def test_tables_and_modules_of_what_is_left() -> None:
    graph = build(planned_text((RECORDED / "small.darts").read_text()))
    pruned = prune(graph, SMALL)
    assert pruned.columns["normal"] == ((0, 3), (5,), (1, 2, 4, 7), tuple(range(8)), (0,))
    assert pruned.columns["reduction"][:2] == ((0, 4), (3,))
    tables = {table.name: table for table in info(pruned.graph).alphas}
    assert tables["normal"].sizes == (2, 1, 4, 8, 1)
    before, after = info(graph).modules, info(pruned.graph).modules
    assert list(after) == [path for path in before if path in after]
    candidates = {
        (edge, path.split(".")[3])
        for path in after
        for edge in [".".join(path.split(".")[:3])]
        if edge.startswith("layer0.n")
    }
    of_row_3 = {path.split(".")[3] for path in before if path.startswith("layer0.n1.c1.")}
    assert candidates == {
        ("layer0.n0.c1", "sep_conv_5x5"),
        *(
            ("layer0.n1.c0", name)
            for name in ("max_pool_3x3", "avg_pool_3x3", "sep_conv_3x3", "dil_conv_5x5")
        ),
        *(("layer0.n1.c1", name) for name in of_row_3),
    }  # what is left of other rows, `none` and an identity, has no modules
    outside = [path for path in before if not path.startswith("layer") or path.split(".")[1].startswith("c")]
    assert outside
    assert set(outside) <= set(after)
    assert (info(pruned.graph).layers, info(pruned.graph).output) == (info(graph).layers, info(graph).output)


def test_nothing_left_out_is_the_same_graph() -> None:
    graph = build(planned_text((RECORDED / "small_text.darts").read_text()))
    same: Pruned = prune(graph, {})
    assert list(same.graph.nodes(data="op")) == list(graph.nodes(data="op"))
    assert info(same.graph) == info(graph)


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ({"other": {}}, "no table other"),
        ({"normal": {9: [0]}}, "and no row 9"),
        ({"normal": {0: []}}, "keeps some of its 8 columns"),
        ({"normal": {0: [8]}}, r"not \[8\]"),
    ],
)
def test_what_is_not_there_is_refused(kept: Keep, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        prune(build(planned_text((RECORDED / "small.darts").read_text())), kept)
