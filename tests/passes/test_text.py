"""Every level, and every pass, computes what the plain lowering does, on recurrent cells."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx
import pytest
from hypothesis import given

from dartsl.graph.operations import application
from dartsl.graph.passes import PASSES, Pass, passes_of
from dartsl.graph.target import LEVELS, TARGETS, Target
from tests.nn.text_specs import DECIDED, GATED, IRREGULAR, NOISY, SEARCHED
from tests.passes.random_cells import cell_texts
from tests.passes.same import CPU, assert_same, optimised_graph
from tests.passes.test_equal import few

SPECS = {"searched": SEARCHED, "decided": DECIDED, "irregular": IRREGULAR, "noisy": NOISY, "gated": GATED}


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("level", LEVELS[1:])
def test_levels(name: str, level: int) -> None:
    assert_same(SPECS[name], passes_of(level, CPU))


@pytest.mark.parametrize(
    "name", [name for name in SPECS if name != "gated"]
)  # the random cells have several carries
@pytest.mark.parametrize("each", PASSES.values(), ids=PASSES)
def test_each_pass_alone_and_after_what_comes_first(each: type[Pass], name: str) -> None:
    assert_same(SPECS[name], [each()])
    if each.name not in {first.name for first in passes_of(1, CPU)}:
        assert_same(SPECS[name], passes_of(2, next(target_with(each)), each.name))


def target_with(each: type[Pass]) -> Iterator[Target]:
    """The targets whose passes are these and others."""
    return (target for target in TARGETS.values() if each.name in [one.name for one in passes_of(2, target)])


@few
@given(text=cell_texts())
def test_random_cells(text: str) -> None:
    assert_same(text, passes_of(1, CPU))
    assert_same(text, passes_of(2, CPU))


@pytest.mark.parametrize("each", [PASSES[name] for name in ("gather", "linears", "highway")])
@few
@given(text=cell_texts())
def test_random_cells_of_one_pass(each: type[Pass], text: str) -> None:
    assert_same(text, [each()])


def _kinds(graph: nx.DiGraph) -> list[str]:
    return [application(graph, node).kind for node in graph]


def test_candidates_share_their_products() -> None:
    """Behind cse an edge computes each matrix of its node once, whatever the activations."""
    graph = optimised_graph(SEARCHED, passes_of(1, CPU))
    shared = [
        applied.state
        for node in graph
        if (applied := application(graph, node)).kind == "linear" and applied.state
    ]
    assert len(shared) == 6 * 2 + 1  # six edges, two matrices each, and the head's


def test_a_node_is_one_product_and_one_sum() -> None:
    graph = optimised_graph(SEARCHED, passes_of(2, CPU))
    kinds = _kinds(graph)
    assert kinds.count("multiply") == 2 + 3  # of the highway, and of each node
    assert kinds.count("mixed_lerp") == 3
    assert kinds.count("batch_sum") == 2  # the first node has one edge
    assert "lerp" not in kinds
    assert "combine" not in kinds


def test_different_matrices_are_not_stacked() -> None:
    text = SEARCHED.replace(": activations", ": own")
    text = text.replace(
        "cell recurrent",
        "op act(f) = lerp(identity, linear > f, linear > sigmoid)\nops own = act(tanh) | act(relu)\n\ncell recurrent",
    )
    assert "gather" not in _kinds(optimised_graph(text, passes_of(2, CPU)))
    assert_same(text, passes_of(2, CPU))
