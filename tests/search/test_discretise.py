"""Discretisation, rule by rule, on cells built by hand."""

from __future__ import annotations

import math
import random

import pytest

from dartsl.lang.check.model import Candidate, Cell, Edge, Node, Output
from dartsl.lang.codes.source import Source, Span
from dartsl.lang.syntax.ast import Name
from dartsl.searching.discretise import DerivedCell, KeptEdge, derive
from dartsl.searching.readouts import entropies, softmax_rows

SPAN = Span(Source("test", ""), 0, 0)


def cell(merges: dict[str, tuple[str, int | None]], *edges: tuple[str, str, str]) -> Cell:
    """A cell of nodes (merge, keep) and edges (source, target, "a | b")."""
    built, seen = [], dict[tuple[str, str], int]()
    for source, target, options in edges:
        twin = seen.get((source, target), 0)
        seen[source, target] = twin + 1
        candidates = tuple(Candidate(label, Name(label, span=SPAN), SPAN) for label in options.split(" | "))
        built.append(Edge(source, target, twin, candidates, SPAN))
    nodes = tuple(Node(name, merge, False, keep, SPAN, SPAN) for name, (merge, keep) in merges.items())
    return Cell("test", (), nodes, tuple(built), Output(None, (nodes[-1].name,), False, SPAN), SPAN)


def shown(found: DerivedCell) -> list[str]:
    return [f"{k.edge.source}{'*' * k.edge.twin}>{k.edge.target}:{k.candidate.label}" for k in found.edges]


def by_edge(found: DerivedCell) -> dict[str, KeptEdge]:
    return dict(zip(shown(found), found.edges, strict=True))


def test_keep_takes_the_strongest_edges_strongest_first_and_never_none() -> None:
    space = cell(
        {"n": ("sum", 2)},
        ("a", "n", "none | x | y"),
        ("b", "n", "none | x | y"),
        ("c", "n", "none | x | y"),
    )
    found = derive(space, [[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.1, 0.3, 0.6]])
    assert shown(found) == ["c>n:y", "b>n:y"]
    first, second = found.edges
    assert (first.weight, second.weight) == (0.6, 0.4)
    assert first.over_operation == pytest.approx(0.3)
    assert first.over_edge == pytest.approx(0.4)  # over a's x at 0.2
    assert second.over_operation == pytest.approx(0.1)


def test_ties_go_to_the_earlier_edge_and_the_earlier_candidate() -> None:
    space = cell({"n": ("sum", 2)}, *((s, "n", "none | x | y") for s in "abcd"))
    found = derive(space, [[0.2, 0.4, 0.4]] * 4)
    assert shown(found) == ["a>n:x", "b>n:x"]
    assert all(kept.over_operation == kept.over_edge == 0.0 for kept in found.edges)


def test_without_keep_none_wins_edges_and_ties_by_its_place() -> None:
    space = cell(
        {"n": ("sum", None), "m": ("sum", None)},
        ("a", "n", "none | x"),
        ("b", "n", "none | x"),
        ("n", "m", "none | x"),
        ("b", "m", "x | none"),
    )
    found = derive(space, [[0.4, 0.6], [0.6, 0.4], [0.5, 0.5], [0.5, 0.5]])
    assert shown(found) == ["a>n:x", "b>m:x"]
    assert found.edges[0].over_operation == pytest.approx(0.2)
    assert found.edges[0].over_edge is None


def test_a_node_that_none_wins_whole_says_so_with_its_first_source() -> None:
    space = cell({"n": ("sum", None)}, ("a", "n", "x | none"), ("b", "n", "none | x"))
    found = derive(space, [[0.4, 0.6], [0.9, 0.1]])
    assert shown(found) == ["a>n:none"]
    assert found.edges[0].weight == 0.6


def test_edges_without_a_choice_weigh_one_and_have_no_row() -> None:
    space = cell({"n": ("sum", 2)}, ("a", "n", "x | y"), ("b", "n", "z"), ("c", "n", "x | y"))
    found = by_edge(derive(space, [[0.9, 0.1], [0.2, 0.8]]))
    assert list(found) == ["b>n:z", "a>n:x"]
    assert found["b>n:z"].weight == 1.0
    assert found["b>n:z"].over_operation is None
    assert found["b>n:z"].over_edge == pytest.approx(0.2)


def test_a_node_of_none_alone_stays_a_zero_node() -> None:
    found = derive(cell({"n": ("sum", None)}, ("a", "n", "none")), [])
    assert shown(found) == ["a>n:none"]
    assert found.edges[0].weight == 1.0


def test_merges_other_than_sum_keep_all_edges_in_order_of_declaration() -> None:
    space = cell({"n": ("concat", None)}, ("b", "n", "x | y"), ("a", "n", "x | y"))
    found = derive(space, [[0.6, 0.4], [0.1, 0.9]])
    assert shown(found) == ["b>n:x", "a>n:y"]


def test_twins_have_rows_of_their_own_and_each_counts() -> None:
    space = cell({"n": ("sum", 2)}, ("a", "n", "x | y"), ("a", "n", "x | y"), ("b", "n", "x | y"))
    found = derive(space, [[0.6, 0.4], [0.7, 0.3], [0.55, 0.45]])
    assert shown(found) == ["a*>n:x", "a>n:x"]


def test_edges_stand_node_by_node_whatever_their_order() -> None:
    space = cell(
        {"n": ("sum", None), "m": ("sum", None)},
        ("a", "m", "x | y"),
        ("a", "n", "x | y"),
        ("n", "m", "x | y"),
    )
    found = derive(space, [[0.6, 0.4], [0.3, 0.7], [0.9, 0.1]])
    assert shown(found) == ["a>n:y", "n>m:x", "a>m:x"]


def test_nas_bench_201s_cells_are_counted_by_this_rule() -> None:
    """One of five operations on each of six edges, `none` among them: nothing is dropped but by `none`."""
    names = "none | skip | conv1 | conv3 | pool"
    pairs = [("x", "n1"), ("x", "n2"), ("n1", "n2"), ("x", "n3"), ("n1", "n3"), ("n2", "n3")]
    space = cell(dict.fromkeys(("n1", "n2", "n3"), ("sum", None)), *((s, t, names) for s, t in pairs))
    random.seed(0)
    for _ in range(50):
        rows = softmax_rows([[random.gauss(0, 1) for _ in range(5)] for _ in pairs])
        best = [max(range(5), key=row.__getitem__) for row in rows]
        wanted = {f"{s}>{t}:{names.split(' | ')[b]}" for (s, t), b in zip(pairs, best, strict=True) if b}
        found = {text for text in shown(derive(space, rows)) if not text.endswith(":none")}
        assert found == wanted


@pytest.mark.parametrize("weights", [[], [[0.5, 0.5], [0.5, 0.5]], [[0.2, 0.3, 0.5]]])
def test_weights_that_do_not_fit_are_refused(weights: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="has rows of"):
        derive(cell({"n": ("sum", None)}, ("a", "n", "x | y"), ("b", "n", "z")), weights)


def test_softmax_and_entropy() -> None:
    assert softmax_rows([[0.0, 0.0], [1000.0, 0.0]]) == [[0.5, 0.5], [1.0, 0.0]]
    assert softmax_rows([[math.log(1), math.log(3)]])[0] == pytest.approx([0.25, 0.75])
    assert entropies([[0.25] * 4, [1.0, 0.0]]) == pytest.approx([math.log(4), 0.0])
