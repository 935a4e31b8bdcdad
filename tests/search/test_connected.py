"""The likeliest architecture whose output depends on the input, against all architectures of small random spaces."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

import pytest

from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.flow import CONSTANT_OUTPUT, constant
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.syntax.loader import read
from dartsl.searching import routes
from dartsl.searching.connected import Derivation, derive_network
from dartsl.searching.derive import Provenance, derive, found_text
from dartsl.searching.readouts import Reading, Table
from dartsl.searching.rules import Rule
from tests.search.random_spaces import all_columns, space, weights_of

WHENCE = Provenance("0.1.0", "test.darts", "ab" * 32, seed=0, epoch=1, command="dartsl search test.darts")


def said(weights: Mapping[str, Table]) -> dict[str, Reading]:
    return {cell: Reading(table) for cell, table in weights.items()}


def derived(spec: Spec, weights: Mapping[str, Table], rule: str = "connected") -> Derivation:
    return derive_network(spec, spec.networks["net"], {}, said(weights), Rule(rule))


def found(spec: Spec, weights: Mapping[str, Table], rule: str = "connected") -> Spec:
    """The found file, checked."""
    network = spec.networks["net"]
    parameters = plan(spec, network).parameters
    return check(
        Source("found.darts", found_text(spec, network, parameters, said(weights), WHENCE, Rule(rule)))
    )


def is_constant(spec: Spec) -> bool:
    return constant(plan(spec, spec.networks["net"])) is not None


def written(spec: Spec, chosen: Mapping[str, Mapping[int, int]]) -> Spec:
    """The decided spec with these candidates, written anew; `none` leads from the first source where it is alone."""
    lines = []
    for name in spec.networks["net"].cells:
        cell = spec.cells[name]
        lines.append(f"cell {name} {{")
        lines += [
            f"  input {item.name}{' : relu_conv_bn(1)' if item.operation is not None else ''}"
            for item in cell.inputs
        ]
        kept: list[str] = []
        for node in cell.nodes:
            lines.append(f"  node {node.name} : {node.merge}")
            edges = [
                (edge.source, edge.candidates[chosen[name][place]].label)
                for place, edge in enumerate(cell.edges)
                if edge.target == node.name and place in chosen[name]
            ]
            taken = [each for each in edges if each[1] != "none"] or [(edges[0][0], "none")]
            kept += [f"  edge {source} -> {node.name} : {label}" for source, label in taken]
        output = ", ".join(cell.output.nodes)
        output = output if cell.output.merge is None else f"{cell.output.merge}({output})"
        lines += [*kept, f"  output {output}", "}"]
    network = spec.root.source.text[spec.root.source.text.index("network net") :]
    return check(Source("written.darts", "\n".join(['darts 1\nimport "std/cnn"', *lines, network])))


def least_cost(spec: Spec, weights: Mapping[str, Table]) -> float:
    """By trying architectures, the likeliest first: the sum of log(strongest / taken) of the first that does."""
    cells = [spec.cells[name] for name in spec.networks["net"].cells]
    fixed: dict[str, dict[int, int | None]] = {}  # edges into nodes with `keep`: the method's choice, or none
    for cell in cells:
        keeping = {node.name for node in cell.nodes if node.keep is not None}
        stays = {id(each.edge): each for each in derive(cell, weights[cell.name]).edges}
        fixed[cell.name] = {
            place: edge.candidates.index(stays[id(edge)].candidate) if id(edge) in stays else None
            for place, edge in enumerate(cell.edges)
            if edge.target in keeping
        }
    costs = {cell.name: _costs(spec, cell.name, weights[cell.name]) for cell in cells}
    tried: list[tuple[float, dict[str, dict[int, int]]]] = []
    for columns in all_columns(cells):
        if any(
            columns[name][place] != (want or 0)
            for name, each in fixed.items()
            for place, want in each.items()
        ):
            continue  # tried once, with the method's choice
        cost = 0.0
        taken: dict[str, dict[int, int]] = {name: {} for name in columns}
        for name, chosen in columns.items():
            for place, column in chosen.items():
                if place not in fixed[name]:
                    cost += costs[name][place][column]
                if fixed[name].get(place, column) is not None:
                    taken[name][place] = column
        tried.append((cost, taken))
    tried.sort(key=lambda each: each[0])
    return next((cost for cost, taken in tried if not is_constant(written(spec, taken))), math.inf)


def _costs(spec: Spec, name: str, table: Table) -> list[list[float]]:
    rows = iter(table)
    edges = [next(rows) if edge.searched else (1.0,) for edge in spec.cells[name].edges]
    return [[math.log(max(row) / weight) for weight in row] for row in edges]


@pytest.mark.parametrize("seed", range(40))
def test_no_architecture_that_depends_on_its_input_is_likelier(seed: int) -> None:
    """Of one or two cells, which share their choices over several layers; sums, products, lerps, noise, `keep`."""
    spec, draws = space(seed, most=100), random.Random(seed)
    weights = {name: weights_of(spec.cells[name], draws) for name in spec.networks["net"].cells}
    best, ours = least_cost(spec, weights), derived(spec, weights)
    plain = derived(spec, weights, "argmax")
    assert plain.changes == ()
    assert is_constant(found(spec, weights)) == (best == math.inf)
    if best in (0.0, math.inf):
        assert ours == plain
    else:
        assert is_constant(found(spec, weights, "argmax"))
        assert sum(math.log(c.winner_weight / c.taken_weight) for c in ours.changes) == pytest.approx(best)


# ------------------------------------------------------------------- by hand


def nasbench(*rows: list[float]) -> Derivation:
    """Edges x > n1, x > n2, n1 > n2, x > n3, n1 > n3, n2 > n3; none, skip_connect, 1x1, 3x3, pool on each."""
    spec = check(read("nasbench201"))
    return derive_network(spec, spec.networks["cifar10"], {"C": 2, "n": 1}, said({"block": rows}))


ALIVE = [0.1, 0.2, 0.5, 0.1, 0.1]


def test_an_output_that_none_wins_gets_the_edge_that_costs_least() -> None:
    """Of 0.4 > 0.2, 0.35 > 0.3 and 0.5 > 0.3 the second falls by the smallest factor."""
    rows = [[0.4, 0.2, 0.1, 0.2, 0.1], [0.35, 0.05, 0.3, 0.2, 0.1], [0.5, 0.1, 0.05, 0.3, 0.05]]
    (change,) = nasbench(ALIVE, ALIVE, ALIVE, *rows).changes
    assert (change.edge.source, change.edge.target) == ("n1", "n3")
    assert change.text() == "cell block, edge n1 -> n3: nor_conv(1) (0.3) in place of none (0.35)"


def test_two_changes_may_cost_less_than_one() -> None:
    """x > n3 falls to a ninth; n2 > n3 with x > n2 fall to two thirds each."""
    dead = [0.9, 0.1, 0.0, 0.0, 0.0]
    cheap = [0.6, 0.4, 0.0, 0.0, 0.0]
    found = nasbench(dead, cheap, dead, dead, dead, cheap)
    assert [(c.edge.source, c.edge.target) for c in found.changes] == [("x", "n2"), ("n2", "n3")]
    edges = [(e.edge.source, e.edge.target, e.candidate.label) for e in found.cells[0].edges]
    assert edges == [("x", "n1", "none"), ("x", "n2", "skip_connect"), ("n2", "n3", "skip_connect")]
    last = found.cells[0].edges[-1]
    assert (last.weight, last.over_operation) == (0.4, pytest.approx(-0.2))


def test_where_the_strongest_let_the_input_through_they_stay() -> None:
    found = nasbench(ALIVE, ALIVE, ALIVE, [0.9, 0.1, 0, 0, 0], [0.9, 0.1, 0, 0, 0], ALIVE)
    assert found.changes == ()
    assert [e.edge.source for e in found.cells[0].edges if e.edge.target == "n3"] == ["n2"]


def test_a_weight_of_zero_can_be_taken_where_all_else_is_worse() -> None:
    found = nasbench(*[[1.0, 0.0, 0.0, 0.0, 0.0]] * 6)
    assert [(c.edge.source, c.edge.target, c.taken.label) for c in found.changes] == [
        ("x", "n3", "skip_connect")
    ]


KINDS = """darts 1
import "std/cnn"

op half = match stride { 1 => identity, 2 => noise }

cell a {
  input x
  node  n : sum
  edge  x -> n : none | half | sep_conv_3x3
  output n
}

network net(C = 2) {
  input image(1, 8, 8)
  stem  conv(1) > bn
  stage STAGE width C
  head  global_avg_pool > linear(3)
}
"""


@pytest.mark.parametrize(
    ("stage", "taken"), [("a", "half"), ("a > a/2", "sep_conv_3x3"), ("a/2", "sep_conv_3x3")]
)
def test_a_candidate_must_do_in_every_layer_of_its_cell(stage: str, taken: str) -> None:
    """`half` lets the input through where it does not stride."""
    spec = check(Source("kinds.darts", KINDS.replace("STAGE", stage)))
    (change,) = derived(spec, {"a": [[0.5, 0.3, 0.2]]}).changes
    assert change.taken.label == taken


def test_cells_that_can_be_passed_by_need_no_change() -> None:
    """The cells read the last layer but one, so the layers between need not let anything through."""
    spec = check(
        Source(
            "two.darts",
            """darts 1
            import "std/cnn"
            cell a {
              input x, y : relu_conv_bn(1)
              node  n, m : sum
              edge  x -> n : none | relu
              edge  y -> m : none | relu
              output mean(n, m)
            }
            cell b {
              input x
              node  n : sum
              edge  x -> n : none | relu
              output n
            }
            network net(C = 2) {
              input image(1, 8, 8)
              stem  conv(1) > bn
              stage a > b > a > b > a width C
              head  global_avg_pool > linear(3)
            }""",
        )
    )
    found = derived(spec, {"a": [[0.6, 0.4], [0.55, 0.45]], "b": [[0.5001, 0.4999]]})
    assert [(c.cell.name, c.edge.source) for c in found.changes] == [("a", "y"), ("b", "x")]
    found = derived(spec, {"a": [[0.6, 0.4], [0.55, 0.45]], "b": [[0.9, 0.1]]})
    assert [(c.cell.name, c.edge.source) for c in found.changes] == [("a", "x")]


def test_a_recurrent_cell_without_keep() -> None:
    """The element must reach the carry before the carry can reach the output."""
    spec = check(
        Source(
            "text.darts",
            """darts 1
            import "std/rnn"
            cell r {
              input  e, h
              node   p, q : sum
              edge   e -> p : none | tanh
              edge   h -> q : none | tanh
              edge   p -> q : none | tanh
              output q
            }
            network net(H = 3, vocab = 5) {
              input tokens(4)
              stem  embedding(vocab, out = H)
              stage scan(r, carry = "h") width H
              head  linear(vocab)
            }""",
        )
    )
    found = derived(spec, {"r": [[0.6, 0.4], [0.51, 0.49], [0.8, 0.2]]})
    assert [(c.edge.source, c.edge.target) for c in found.changes] == [("e", "p"), ("p", "q")]


def test_nodes_with_keep_stay_as_the_method_has_them() -> None:
    """Here they are all noise, which no change at the other node can mend."""
    text = """darts 1
    import "std/cnn"
    cell a {{
      input x
      node  n : sum
      node  m : sum keep 1
      edge  x -> n : none | relu
      edge  n -> m : {} | tanh
      output m
    }}
    network net(C = 2) {{
      input image(1, 8, 8)
      stem  conv(1) > bn
      stage a width C
      head  global_avg_pool > linear(3)
    }}"""
    weights = {"a": [[0.6, 0.4], [0.9, 0.1]]}
    spec = check(Source("keep.darts", text.format("noise")))
    assert derived(spec, weights) == derived(spec, weights, "argmax")
    kept = check(found(spec, weights).root.source)
    assert kept.warnings[0].code == CONSTANT_OUTPUT
    (change,) = derived(check(Source("keep.darts", text.format("relu"))), weights).changes
    assert (change.edge.source, change.edge.target) == ("x", "n")


def test_the_found_file_says_what_was_changed() -> None:
    spec = check(read("nasbench201"))
    network, weights = spec.networks["cifar10"], {"block": [[0.4, 0.15, 0.15, 0.15, 0.15]] * 6}
    parameters = plan(spec, network, {"C": 4, "n": 1}).parameters
    text = found_text(spec, network, parameters, said(weights), WHENCE)
    assert (
        "# changed  cell block, edge x -> n3: skip_connect (0.15) in place of none (0.4)" in text.splitlines()
    )
    assert not any(w.code == CONSTANT_OUTPUT for w in check(Source("found.darts", text)).warnings)
    plain = found_text(spec, network, parameters, said(weights), WHENCE, Rule("argmax"))
    assert "# changed" not in plain
    assert check(Source("found.darts", plain)).warnings[0].code == CONSTANT_OUTPUT


def dense(nodes: int) -> Spec:
    text = f"""darts 1
    import "std/cnn"
    ops o = none | skip_connect | relu_conv_bn(1)
    cell normal {{
      input c0, c1 : preprocess
      node  n1..n{nodes} : sum
      edge  all -> n1..n{nodes} : o
      output concat(n1..n{nodes})
    }}
    cell reduction = normal
    network net(C = 2) {{
      input image(1, 8, 8)
      stem  conv(1) > bn
      stage normal*2 > reduction/2 > normal*2 width C
      head  global_avg_pool > linear(3)
    }}"""
    return check(Source("dense.darts", text))


def test_large_cells_need_few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cells of 12 nodes that `none` wins whole: 3 ** 180 architectures. Then too few to prove what is best."""
    spec, draws = dense(12), random.Random(0)
    weights = {}
    for name in ("normal", "reduction"):
        rows = [[0.5, 0.25 * draws.random(), 0.25] for _ in spec.cells[name].searched_edges]
        rows[3] = [0.5, 0.1, 0.49]  # c1 -> n2
        weights[name] = [[value / sum(row) for value in row] for row in rows]
    found = derived(spec, weights)
    assert [(c.cell.name, c.edge.source, c.edge.target) for c in found.changes] == [
        ("normal", "c1", "n2"),
        ("reduction", "c1", "n2"),
    ]
    monkeypatch.setattr(routes, "MOST_STATES", 400)
    assert derived(spec, weights) == found
    monkeypatch.setattr(routes, "MOST_STATES", 20)
    assert derived(spec, weights) == derived(spec, weights, "argmax")
