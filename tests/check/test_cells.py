"""The order of edges and candidates (rules 6 to 9): alphas are rows and columns in it."""

from __future__ import annotations

from dartsl.lang.check.model import Cell
from dartsl.lang.checker import check, diagnose
from dartsl.lang.codes.source import Source


def cells(text: str) -> dict[str, Cell]:
    return dict(check(Source("test.darts", f'darts 1\nimport "std/cells"\n{text}')).cells)


def arrows(cell: Cell) -> list[str]:
    return [f"{edge.source}->{edge.target}" for edge in cell.edges]


def labels(cell: Cell) -> list[list[str]]:
    return [[candidate.label for candidate in edge.candidates] for edge in cell.edges]


def test_darts_rows_run_node_by_node_with_sources_ascending() -> None:
    cell = cells("cell normal = dag(darts)")["normal"]
    assert arrows(cell) == [
        *("c0->n0", "c1->n0"),
        *("c0->n1", "c1->n1", "n0->n1"),
        *("c0->n2", "c1->n2", "n0->n2", "n1->n2"),
        *("c0->n3", "c1->n3", "n0->n3", "n1->n3", "n2->n3"),
    ]
    assert labels(cell)[0] == [
        *("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect"),
        *("sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"),
    ]
    assert cell.searched_edges == cell.edges
    assert [node.keep for node in cell.nodes] == [2, 2, 2, 2]


def test_sources_run_in_order_of_declaration_and_targets_as_written() -> None:
    text = """cell c {
      input  a, b
      node   p, q, r : sum
      edge   b, a -> p : relu
      edge   p, b, a -> r, q : relu
      output concat(p, q, r)
    }"""
    assert arrows(cells(text)["c"]) == ["a->p", "b->p", "a->r", "b->r", "p->r", "a->q", "b->q", "p->q"]


def test_darts_2_keeps_the_written_order_and_ranges_stand_in_order_of_declaration() -> None:
    text = """cell c {
      input  a, b
      node   p, n1, n0, r : sum
      edge   b, a -> r, p : relu
      edge   all -> n0..n1 : relu
      edge   n0..n1, p -> r : relu
      output concat(r, n0..n1, p)
    }"""
    first, second = (check(Source("order.darts", f"darts {version} {text}")).cells["c"] for version in (1, 2))
    assert arrows(first) == [
        *("a->r", "b->r", "a->p", "b->p"),
        *("a->n0", "b->n0", "p->n0", "n1->n0", "a->n1", "b->n1", "p->n1"),
        *("p->r", "n1->r", "n0->r"),
    ]
    assert first.output.nodes == ("r", "n0", "n1", "p")
    assert arrows(second) == [
        *("b->r", "a->r", "b->p", "a->p"),
        *("a->n1", "b->n1", "p->n1", "a->n0", "b->n0", "p->n0", "n1->n0"),
        *("n1->r", "n0->r", "p->r"),
    ]
    assert second.output.nodes == ("r", "n1", "n0", "p")


def test_range_to_range_and_all_leave_out_what_runs_backward() -> None:
    text = """cell c {
      input  x
      node   n0..n3 : sum
      edge   x -> n0 : relu
      edge   n0..n2 -> n0..n3 : relu
      output n3
    }
    cell d {
      input  x
      node   n0..n2 : sum
      edge   all -> n2, n0..n1 : relu
      output n2
    }"""
    found = cells(text)
    assert arrows(found["c"])[1:] == ["n0->n1", "n0->n2", "n1->n2", "n0->n3", "n1->n3", "n2->n3"]
    assert arrows(found["d"]) == ["x->n2", "n0->n2", "n1->n2", "x->n0", "x->n1", "n0->n1"]


def test_a_padded_range() -> None:
    text = "cell c { input x node n08..n10 : sum edge all -> n08..n10 : relu output n10 }"
    assert [node.name for node in cells(text)["c"].nodes] == ["n08", "n09", "n10"]


def test_twins_are_edges_of_their_own() -> None:
    text = """cell c {
      input  a, b
      node   p : sum keep 2
      edge   a -> p : relu | tanh
      edge   b -> p : relu
      edge   a -> p : relu | tanh
      edge   a -> p : relu
      output p
    }"""
    cell = cells(text)["c"]
    assert [(edge.source, edge.twin) for edge in cell.edges] == [("a", 0), ("b", 0), ("a", 1), ("a", 2)]
    assert len(cell.searched_edges) == 2


def test_ops_are_flattened_in_order_with_cell_parameters_filled_in() -> None:
    text = """ops inner = relu | tanh
    ops outer = none | inner | (sigmoid | bn)
    cell open(f, k) {
      input  x : conv(k)
      node   y : sum
      edge   x -> y : f | conv(k) > relu
      output y
    }
    cell c = open(outer, 3)
    cell d = open(k = 5, f = identity)"""
    found = cells(text)
    assert labels(found["c"]) == [["none", "relu", "tanh", "sigmoid", "bn", "conv(3) > relu"]]
    assert labels(found["d"]) == [["identity", "conv(5) > relu"]]
    assert found["c"].edges[0].candidates[0].is_none
    assert list(found) == ["c", "d"]


def test_an_alias_is_the_same_graph_under_another_name() -> None:
    found = cells("cell normal = dag(darts)\ncell reduction = normal\ncell third = reduction")
    assert list(found) == ["normal", "reduction", "third"]
    assert found["third"].edges == found["normal"].edges
    assert found["third"].name == "third"


def test_defaults_of_a_cell() -> None:
    text = """cell open(f = relu, k = 3) {
      input  x
      node   y : sum
      edge   x -> y : f | conv(k)
      output y
    }
    cell c = open
    cell d = open(k = 5)"""
    found = cells(text)
    assert labels(found["c"]) == [["relu", "conv(3)"]]
    assert labels(found["d"]) == [["relu", "conv(5)"]]


def test_the_output_and_merges() -> None:
    text = """cell c {
      input  x
      node   n0..n1 : sum > mix_bn
      edge   all -> n0..n1 : relu
      output mean(n0..n1) > mix_bn
    }"""
    cell = cells(text)["c"]
    assert (cell.output.merge, cell.output.nodes, cell.output.mix_bn) == ("mean", ("n0", "n1"), True)
    assert all(node.mix_bn and node.merge == "sum" and node.keep is None for node in cell.nodes)


def test_edges_are_counted_even_where_there_are_errors() -> None:
    text = (
        "darts 1\ncell c { input x node y : sum edge x -> y : relu output y }\ncell d = c\ncell e = nothing"
    )
    report = diagnose(Source("test.darts", text))
    assert report.spec is None
    assert report.size.edges == 2
