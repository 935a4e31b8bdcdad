"""What a merge gives depends on the order in which its sources are written: values worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dartsl import compile
from dartsl.graph.diff import diff_specs
from dartsl.graph.draw import draw
from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.printer import print_file
from dartsl.nn.supernet import Supernet
from dartsl.searching.derive import Provenance, found_text
from dartsl.searching.readouts import Reading

# `v1` to `v3` are functions of x without weights; they are declared out of the order of their numbers.
CELL = """darts 1

cell block {
  input  x
  node   v2 : sum
  node   v1 : sum
  node   v3 : sum
  edge   x -> v1 : relu
  edge   x -> v2 : tanh
  edge   x -> v3 : sigmoid
  node   out : MERGE
EDGES
  output OUTPUT
}

network net(C = 2) {
  input image(1, 3, 3)
  stem  conv(1)
  stage block width C
  head  global_avg_pool > linear(3)
}
"""
VALUES: dict[str, Callable[[Tensor], Tensor]] = {
    "x": lambda x: x,
    "v1": torch.relu,
    "v2": torch.tanh,
    "v3": torch.sigmoid,
}
LEVELS = (0, 2)


def spec_of(merge: str, *edges: str, output: str = "out", version: int = 1) -> Spec:
    """A cell whose node `out` merges by `merge` what these statements lead there."""
    lines = "\n".join(f"  edge {edge}" for edge in edges)
    text = (
        CELL.replace("darts 1", f"darts {version}")
        .replace("MERGE", merge)
        .replace("EDGES", lines)
        .replace("OUTPUT", output)
    )
    return check(Source("order.darts", text))


def hand(model: Supernet, image: Tensor, order: tuple[str, ...], merge: str) -> Tensor:
    """The logits of the network whose cell merges these values in this order."""
    state = dict(model.network.named_parameters())
    x = torch.conv2d(image, state["stem0.conv.weight"])
    values = [VALUES[name](x) for name in order]
    lerp = merge == "lerp"
    merged = values[0] + values[2] * (values[1] - values[0]) if lerp else torch.cat(values, 1)
    return merged.mean((2, 3)) @ state["head.linear.weight"].T + state["head.linear.bias"]


def agrees(spec: Spec, order: tuple[str, ...], merge: str) -> None:
    image = torch.randn(2, 1, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    for level in LEVELS:
        model = compile(spec, level=level, dtype="float64")
        torch.testing.assert_close(model(image), hand(model, image, order, merge))


@pytest.mark.parametrize(
    ("merge", "edges", "order"),
    [
        ("lerp", ["v1, v2, v3 -> out : identity"], ("v1", "v2", "v3")),
        ("lerp", ["v3, v1, v2 -> out : identity"], ("v3", "v1", "v2")),
        ("lerp", ["v3, x -> out : identity", "v1 -> out : identity"], ("v3", "x", "v1")),
        ("lerp", ["v3 -> out : identity", "x -> out : tanh", "x -> out : relu"], ("v3", "v2", "v1")),
        ("concat", ["v1, x -> out : identity"], ("v1", "x")),
        ("concat", ["all -> out : identity"], ("x", "v2", "v1", "v3")),
        ("concat", ["v1..v3 -> out : identity"], ("v2", "v1", "v3")),
        ("concat", ["v3, v1..v2, x -> out : identity"], ("v3", "v2", "v1", "x")),
        ("concat", ["v3, x -> out : identity", "v2, v1 -> out : identity"], ("v3", "x", "v2", "v1")),
    ],
)
def test_sources_are_merged_as_they_are_written(merge: str, edges: list[str], order: tuple[str, ...]) -> None:
    agrees(spec_of(merge, *edges), order, merge)


@given(st.permutations(["x", "v1", "v2", "v3"]), st.integers(1, 3), st.sampled_from(["concat", "lerp"]))
@settings(max_examples=12, deadline=None)
def test_any_order_in_one_statement_or_two(names: list[str], cut: int, merge: str) -> None:
    order = tuple(names[:3] if merge == "lerp" else names)
    cut = min(cut, len(order) - 1)
    for edges in (
        [f"{', '.join(order)} -> out : identity"],
        [f"{', '.join(order[:cut])} -> out : identity", f"{', '.join(order[cut:])} -> out : identity"],
    ):
        agrees(spec_of(merge, *edges), order, merge)


@pytest.mark.parametrize("merge", ["concat", "lerp"])
def test_an_output_and_an_operation_merge_as_they_are_written(merge: str) -> None:
    order = ("v3", "v1", "v2")
    agrees(spec_of("sum", "x -> out : identity", output=f"{merge}(v3, v1, v2)"), order, merge)
    into = "concat" if merge == "concat" else "sum"  # which takes any width
    agrees(spec_of(into, f"x -> out : {merge}(sigmoid, relu, tanh)"), order, merge)


def test_rows_of_alphas_stand_in_order_of_declaration() -> None:
    """Only the merge heeds the order in which sources are written."""
    cell = spec_of("lerp", "v3, v1, v2 -> out : identity | tanh").cells["block"]
    assert [edge.source for edge in cell.searched_edges] == ["v2", "v1", "v3"]
    assert [edge.source for edge in cell.incoming("out")] == ["v3", "v1", "v2"]


def test_where_the_order_does_not_matter_it_is_that_of_declaration() -> None:
    """So that sums are added as they ever were."""
    cell = spec_of("sum", "v3, v1, v2 -> out : identity").cells["block"]
    assert [edge.source for edge in cell.incoming("out")] == ["v2", "v1", "v3"]
    assert not cell.reordered


def test_a_found_file_computes_what_the_space_did() -> None:
    """Row by row another winner: lerp(tanh(v3), v1, v2)."""
    searched = spec_of("lerp", "v3, v1, v2 -> out : identity | tanh")
    rows = {"block": Reading([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])}  # v2, v1, v3
    whence = Provenance("0", "order.darts", "0" * 64, 0, 1, "dartsl search order.darts")
    text = found_text(searched, searched.networks["net"], {"C": Fraction(2)}, rows, whence)
    assert [line.split("#")[0].split()[1:] for line in text.splitlines() if "-> out" in line] == [
        ["v3", "->", "out", ":", "tanh"],
        ["v1", "->", "out", ":", "identity"],
        ["v2", "->", "out", ":", "identity"],
    ]
    found = check(Source("found.darts", text))
    by_hand = spec_of("lerp", "v3 -> out : tanh", "v1, v2 -> out : identity")
    image = torch.randn(2, 1, 3, 3, dtype=torch.float64)
    models = [compile(spec, dtype="float64") for spec in (found, by_hand)]
    assert torch.equal(models[0](image), models[1](image))
    assert diff_specs(found, by_hand).equal


def test_in_darts_2_rows_and_ranges_of_the_output_have_the_order_that_files_found_keep() -> None:
    searched = spec_of("lerp", "v3, v1, v2 -> out : identity | tanh", output="concat(v1..v3, out)", version=2)
    cell = searched.cells["block"]
    assert [edge.source for edge in cell.searched_edges] == ["v3", "v1", "v2"]
    assert cell.output.nodes == ("v2", "v1", "v3", "out")
    assert "headlabel=3" in draw([cell])
    rows = {"block": Reading([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])}  # v3, v1, v2
    whence = Provenance("0", "order.darts", "0" * 64, 0, 1, "dartsl search order.darts")
    for output in ("concat(v1..v3)", "concat(v1, v2, v3)", "concat(v2, v1, v3)"):
        spec = spec_of("lerp", "v3, v1, v2 -> out : identity | tanh", output=output, version=2)
        text = found_text(spec, spec.networks["net"], {"C": Fraction(2)}, rows, whence)
        found = check(Source("found.darts", text)).cells["block"]
        assert found.output.nodes == spec.cells["block"].output.nodes
        assert [edge.candidates[0].label for edge in found.incoming("out")] == [
            "identity",
            "identity",
            "tanh",
        ]


def test_diff_and_fmt_keep_the_order() -> None:
    one, two = (spec_of("lerp", f"{names} -> out : identity") for names in ("v3, v1, v2", "v1, v3, v2"))
    assert diff_specs(one, two).cells[0].removed == (
        "edge v3 -> out : identity  (number 1 into lerp)",
        "edge v1 -> out : identity  (number 2 into lerp)",
    )
    printed = print_file(parse(one.root.source))
    assert "edge   v3, v1, v2 -> out : identity" in printed
    assert diff_specs(one, check(Source("order.darts", printed))).equal


def test_a_drawing_numbers_what_is_merged_out_of_order() -> None:
    def drawn(merge: str, edge: str, output: str = "out") -> str:
        return draw([spec_of(merge, edge, output=output).cells["block"]])

    mixed = drawn("lerp", "v3, v1, v2 -> out : identity")
    assert [f"headlabel={number}" in mixed for number in (1, 2, 3, 4)] == [True, True, True, False]
    assert "headlabel" not in drawn("concat", "all -> out : identity")
    assert "headlabel=2" in drawn("sum", "x -> out : relu", output="concat(out, v1)")


GRU = """darts 1

cell gru {
  input  x, h
  node   zp, rp : sum
  edge   x, h -> zp, rp : linear(bias = false)
  node   z, r : sum
  edge   zp -> z : sigmoid
  edge   rp -> r : sigmoid
  node   uh : sum
  edge   h -> uh : linear(bias = false)
  node   ruh : product
  edge   r, uh -> ruh : identity
  node   np : sum
  edge   x -> np : linear(bias = false)
  edge   ruh -> np : identity
  node   n : sum
  edge   np -> n : tanh
  node   out : lerp
  edge   n, h, z -> out : identity
  output out
}

network text(H = 3, vocab = 4) {
  input tokens(5)
  stem  embedding(vocab, out = H)
  stage scan(gru, carry = "h") width H
  head  linear(vocab, tie = "stem")
}
"""


@pytest.mark.parametrize("level", LEVELS)
def test_a_gru_keeps_of_the_carry_what_its_gate_says(level: int) -> None:
    """h' = n + z (h - n), n = tanh(W x + r U h), as everyone writes it."""
    model = compile(check(Source("gru.darts", GRU)), level=level, dtype="float64", seed=1)
    state = dict(model.network.named_parameters())

    def matrix(place: str) -> Tensor:
        return state[f"layer0.{place}.linear_bias_false.linear.weight"]

    tokens = torch.tensor([[0, 3], [2, 1], [3, 3]])
    h = torch.zeros(2, 3, dtype=torch.float64)
    for words in tokens:
        x = state["stem0.embedding.weight"][words]
        z = torch.sigmoid(x @ matrix("zp.x").T + h @ matrix("zp.h").T)
        r = torch.sigmoid(x @ matrix("rp.x").T + h @ matrix("rp.h").T)
        n = torch.tanh(x @ matrix("np.x").T + r * (h @ matrix("uh.h").T))
        h = n + z * (h - n)
    model.eval()
    torch.testing.assert_close(model(tokens).carries[0], h)
