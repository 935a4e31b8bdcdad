"""Operations after the merge of a node (darts 2): computed, searched, derived, written, named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import dartsl
from dartsl.graph.passes import passes_of
from dartsl.lang.checker import check, diagnose
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.codes.source import Source
from dartsl.nn.build import Build
from dartsl.nn.supernet import compile
from dartsl.searching.discretise import derive
from dartsl.searching.report import cell_report
from tests.passes.same import CPU, assert_same

SPEC = """darts 2

cell one {
  input a
  node  u : sum > relu > conv(3) > bn
  node  v : sum keep 1 > (conv(1) | avg_pool(3))
  edge  a -> u : conv(1) | identity
  edge  a -> v : conv(1) | identity
  edge  u -> v : identity | conv(3)
  output concat(u, v)
}

network two {
  input image(1, 5, 5)
  stem  conv(1)
  stage one > conv(1) width 2
  head  global_avg_pool > linear(3)
}
"""
TEXT = SPEC.replace(" keep 1 > (conv(1) | avg_pool(3))", " > (conv(1) | avg_pool(3)) keep 1")


def test_rows_of_nodes_follow_all_rows_of_edges() -> None:
    (cell,) = check(Source("test.darts", TEXT)).cells.values()
    assert [(edge.source, edge.target) for edge in cell.edges] == [
        ("a", "u.sum"), ("a", "v.sum"), ("u", "v.sum"), ("u.sum", "u"), ("v.sum", "v"),
    ]  # fmt: skip
    assert [[each.label for each in edge.candidates] for edge in cell.searched_edges] == [
        ["conv(1)", "identity"], ["conv(1)", "identity"], ["identity", "conv(3)"], ["conv(1)", "avg_pool(3)"],
    ]  # fmt: skip
    assert {node.name: node.keep for node in cell.nodes} == {"u.sum": None, "u": None, "v.sum": 1, "v": None}


def test_what_is_counted_compared_and_named_is_what_is_written() -> None:
    spec = check(Source("test.darts", TEXT))
    (cell,) = dartsl.info(spec, memory="none").cells
    assert (cell.nodes, cell.edges, cell.searched_edges, cell.searched_nodes) == (2, 3, 3, 1)
    assert cell.candidates == 8
    size = diagnose(Source("test.darts", TEXT)).size
    assert (size.edges, size.nodes) == (cell.edges, cell.searched_nodes)
    other = TEXT.replace("(conv(1) | avg_pool(3))", "avg_pool(3)").replace(
        "> relu > conv(3)", "> silu > conv(3)"
    )
    (found, *_) = dartsl.diff(spec, check(Source("other.darts", other))).cells
    assert found.removed == (
        "node u : sum > relu > conv(3) > bn",
        "node v : sum > (conv(1) | avg_pool(3)) keep 1",
    )
    assert found.added == ("node u : sum > silu > conv(3) > bn", "node v : sum > avg_pool(3) keep 1")
    (found, *_) = dartsl.diff(
        spec, check(Source("other.darts", TEXT.replace("sum > relu > conv(3) > bn", "sum")))
    ).cells
    assert (found.removed, found.added) == (("node u : sum > relu > conv(3) > bn",), ("node u : sum",))
    swapped = TEXT.replace("conv(1) | avg_pool(3)", "avg_pool(3) | conv(1)")
    assert dartsl.diff(spec, check(Source("other.darts", swapped))).equal
    strided = diagnose(Source("test.darts", TEXT.replace("one > conv(1)", "one/2"))).errors
    assert "so the edge `a -> u` has stride 2" in [label.text for label in strided[0].secondary]
    highway = (
        "darts 2\ncell r {\n input x, h\n node s : highway > tanh\n edge x -> s : identity\n output s\n}\n"
    )
    (fault,) = diagnose(Source("test.darts", highway)).errors
    assert (fault.title.split()[0], fault.secondary[0].text) == ("`s`", "`x -> s`")
    with pytest.raises(SpecError, match="do not fit the node v, after its merge"):
        dartsl.info(spec, memory="none", partial=4)


def test_all_levels_compute_the_same() -> None:
    assert_same(TEXT, passes_of(2, CPU))


def test_against_a_few_lines_of_torch() -> None:
    model = compile(check(Source("test.darts", TEXT)), None, {}, Build(level=0, dtype=torch.float64))
    weights = {name.removeprefix("network."): each for name, each in model.named_parameters()}
    assert sorted(weights) == [
        "alphas.one",
        "head.linear.bias",
        "head.linear.weight",
        "layer0.u.a.conv_1.conv.weight",
        "layer0.u.sum.relu_conv_3_bn.conv.weight",
        "layer0.v.a.conv_1.conv.weight",
        "layer0.v.sum.conv_1.conv.weight",
        "layer0.v.u.conv_3.conv.weight",
        "layer1.conv.weight",
        "stem0.conv.weight",
    ]
    x = torch.randn(3, 1, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    w = weights["alphas.one"].softmax(1)
    a = F.conv2d(x, weights["stem0.conv.weight"])  # (B, 2, 5, 5)

    def conv(name: str, value: torch.Tensor) -> torch.Tensor:
        weight = weights[f"layer0.{name}.conv.weight"]
        return F.conv2d(value, weight, padding=weight.shape[-1] // 2)

    u = w[0, 0] * conv("u.a.conv_1", a) + w[0, 1] * a
    u = F.batch_norm(conv("u.sum.relu_conv_3_bn", u.relu()), None, None, training=True)
    v = w[1, 0] * conv("v.a.conv_1", a) + w[1, 1] * a + w[2, 0] * u + w[2, 1] * conv("v.u.conv_3", u)
    v = w[3, 0] * conv("v.sum.conv_1", v) + w[3, 1] * F.avg_pool2d(v, 3, 1, 1, count_include_pad=False)
    last = F.conv2d(torch.cat((u, v), 1), weights["layer1.conv.weight"])
    expected = F.linear(last.mean((2, 3)), weights["head.linear.weight"], weights["head.linear.bias"])
    torch.testing.assert_close(model(x), expected, rtol=1e-12, atol=1e-12)


def test_what_is_found_is_written_at_the_node_and_trains(tmp_path: Path) -> None:
    images, labels = np.random.default_rng(0).integers(0, 256, (12, 5, 5), dtype=np.uint8), np.arange(12) % 3
    data = tmp_path / "few.npz"
    np.savez(data, x_train=images, y_train=labels, x_test=images, y_test=labels)
    given = {"data": str(data), "quiet": True, "epochs": 1, "batch": 3}
    run = dartsl.search(check(Source("test.darts", TEXT)), tmp_path / "run", **given)  # type: ignore[arg-type]
    lines = [" ".join(line.split()) for line in (run.found or "").splitlines()]
    assert "node u : sum > relu > conv(3) > bn" in lines
    assert sum(
        line.startswith(("node v : sum > conv(1) # 0.5", "node v : sum > avg_pool(3) # 0.5"))
        for line in lines
    )
    assert sum(line.startswith("edge") for line in lines) == 2
    assert list(run.alphas()["one"]) == ["a -> u", "a -> v", "u -> v", "v"]
    said = cell_report(derive(run.spec.cells["one"], [[0.3, 0.7]] * 4))
    rows = [line.split() for line in said.splitlines()[2:]]
    assert {row[1]: row[-3] for row in rows if row and row[0] == "node"} == {"u": "-", "v": "0.70"}
    trained = dartsl.train(tmp_path / "run", tmp_path / "trained", **given)  # type: ignore[arg-type]
    assert trained.finished
    assert "v.sum" in dartsl.draw(run)
    for text in dartsl.sample(check(Source("test.darts", TEXT)), count=3):
        assert check(Source("drawn.darts", text)).cells["one"].merging.keys() == {"u", "v"}
    with pytest.raises(UserError, match="operations follow the merge of node `u` of cell `one`"):
        dartsl.export(run, to="genotype")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (TEXT.replace("darts 2", "darts 1").replace("> conv(1) width", "width"), "E0309"),
        (TEXT.replace("sum > relu > conv(3) > bn", "sum > relu > (conv(1) | conv(3))"), "E0406"),
        (TEXT.replace("sum > relu > conv(3) > bn", "sum > conv(3, out = 3)"), "E0502"),
    ],
)
def test_mistakes_are_placed(text: str, code: str) -> None:
    faults = diagnose(Source("test.darts", text)).errors
    assert {fault.code for fault in faults} == {code}


@pytest.mark.parametrize("merge", ["sum", "sum > mix_bn"])
def test_their_names_stand_below_the_merge(merge: str) -> None:
    """Also where a batch norm of the search stands between them, which a decided network does not have."""
    text = TEXT.replace("node  u : sum >", f"node  u : {merge} >")
    model = compile(check(Source("test.darts", text)), None, {}, Build(level=0))
    names = [name for name, _ in model.named_parameters() if ".u.sum." in name]
    assert names == ["network.layer0.u.sum.relu_conv_3_bn.conv.weight"]
