"""The operation graph and the cell graph: names, rows of alphas, and what the verifier holds."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import pytest
import torch

from dartsl.graph.build import build
from dartsl.graph.operations import application, info
from dartsl.graph.paths import TORCH_NAMES, Paths, candidate_name, safe
from dartsl.graph.tables import AlphaTable
from dartsl.graph.verify import GraphError, verify
from tests.plan.help import NETWORK, graph_of, planned, spec_of

SMALL = """
op wide(k) = conv(k)/stride > bn > conv(k)
cell c {
  input  half, y0 : preprocess
  node   lambda, bn0 : sum > mix_bn
  edge   half -> lambda : skip_connect | wide(3) | none
  edge   y0 -> lambda : noise
  edge   y0 -> lambda : wide(k = 1 + 2)
  edge   lambda -> bn0 : relu | sum(relu, relu > bn)
  output concat(lambda, bn0) > mix_bn
}
""".replace("bn0", "b")


def small() -> nx.DiGraph:
    return graph_of(spec_of(SMALL + NETWORK.format(size="9, 8", stage="c/2")))


def test_names_of_parameters() -> None:
    paths = list(info(small()).modules)
    assert paths == [
        "stem0.conv",
        "stem0.bn",
        "layer0.half_.conv",
        "layer0.half_.bn",
        "layer0.y0.conv",
        "layer0.y0.bn",
        "layer0.lambda_.half_.skip_connect.conv",
        "layer0.lambda_.half_.skip_connect.conv_2",
        "layer0.lambda_.half_.skip_connect.bn",
        "layer0.lambda_.half_.wide_3.conv",
        "layer0.lambda_.half_.wide_3.bn",
        "layer0.lambda_.half_.wide_3.conv_2",
        "layer0.lambda_.y0_2.wide_k_1_2.conv",
        "layer0.lambda_.y0_2.wide_k_1_2.bn",
        "layer0.lambda_.y0_2.wide_k_1_2.conv_2",
        "layer0.lambda_.bn",
        "layer0.b.lambda_.sum_relu_relu_bn.bn",
        "layer0.b.bn",
        "layer0.output.bn",
        "head.linear",
    ]


def test_applications_of_an_edge() -> None:
    graph = small()
    mix = application(graph, "layer0.lambda_.half_.mix")
    assert (mix.kind, mix.attribute("table"), mix.attribute("row")) == ("mix", "c", 0)
    assert mix.inputs == (
        "layer0.lambda_.half_.skip_connect.bn",
        "layer0.lambda_.half_.wide_3.conv_2",
        "layer0.lambda_.half_.none.none",
    )
    zeros = application(graph, mix.inputs[2])
    assert (zeros.shape, zeros.attribute("stride"), zeros.inputs) == ((8, 5, 4), (2, 2), ("layer0.half_.bn",))
    noise = application(graph, "layer0.lambda_.y0.noise.noise")
    assert noise.random == "layer0.lambda_.y0.noise.noise"
    assert application(graph, "layer0.lambda_.sum").inputs == (
        "layer0.lambda_.half_.mix",
        "layer0.lambda_.y0.noise.noise",
        "layer0.lambda_.y0_2.wide_k_1_2.conv_2",
    )
    assert application(graph, "layer0.lambda_.bn").inputs == ("layer0.lambda_.sum",)


def test_tables_of_alphas_follow_the_cells() -> None:
    assert info(small()).alphas == (AlphaTable("c", "c", (3, 2), ("lambda", "b")),)
    darts = info(graph_of("darts_cnn", n=1))
    targets = tuple(f"n{node}" for node in range(4) for _ in range(node + 2))
    assert darts.alphas == (
        AlphaTable("normal", "normal", (8,) * 14, targets),
        AlphaTable("reduction", "reduction", (8,) * 14, targets),
    )
    assert darts.layers[1:6] == (
        ("layer0", "normal"),
        ("layer1", "reduction"),
        ("layer2", "normal"),
        ("layer3", "reduction"),
        ("layer4", "normal"),
    )
    assert info(graph_of("zoo/darts_v2")).alphas == ()


def test_layers_of_one_cell_share_rows_and_nothing_else() -> None:
    graph = graph_of("darts_cnn", n=2)
    mixes = [application(graph, node) for node in graph if application(graph, node).kind == "mix"]
    assert len(mixes) == 8 * 14
    assert {(m.attribute("table"), m.attribute("row")) for m in mixes} == {
        (cell, row) for cell in ("normal", "reduction") for row in range(14)
    }
    states = [path for node in graph for path in application(graph, node).state]
    assert len(states) == len(set(states)) == len(info(graph).modules)


def test_a_decided_zero_node_is_zeros() -> None:
    cell = "cell c { input x node p, q : sum edge x -> p : none edge x -> q : relu output sum(p, q) }"
    graph = graph_of(spec_of(cell + NETWORK.format(size="8, 8", stage="c/2").replace("c/2", "c")))
    assert application(graph, "layer0.p.sum").inputs == ("layer0.p.x.none.none",)


def test_twin_edges_have_their_own_names() -> None:
    graph = graph_of("zoo/nasnet_a", n=1)
    twins = [application(graph, f"layer0.n3.c0{twin}.avg_pool_3x3.avg_pool") for twin in ("", "_2")]
    assert twins[0] == twins[1]
    assert application(graph, "layer0.n3.sum").inputs == (
        "layer0.n3.c0.avg_pool_3x3.avg_pool",
        "layer0.n3.c0_2.avg_pool_3x3.avg_pool",
    )


def test_names_that_torch_or_python_keep_for_themselves() -> None:
    traced = torch.fx.symbolic_trace(torch.nn.Identity())
    public = {name for name in dir(traced) if not name.startswith("_")}
    assert public <= TORCH_NAMES
    assert [safe(name) for name in ("half", "lambda", "_x", "n0", "None")] == [
        "half_",
        "lambda_",
        "_x_",
        "n0",
        "None_",
    ]
    assert candidate_name("f(2) > g(k = -1)") == "f_2_g_k_1"
    assert candidate_name("train") == "train_"


def test_paths_are_handed_out_once() -> None:
    paths = Paths()
    assert [paths.claim("a", name) for name in ("x", "x", "x_2", "x")] == ["a.x", "a.x_2", "a.x_2_2", "a.x_3"]


def test_the_verifier_finds_what_is_wrong() -> None:
    good = build(planned("digits"))
    verify(good)
    mix, conv, merge = "layer0.n0.c0.mix", "stem0.conv", "layer0.output.concat"
    applied = {node: application(good, node) for node in (mix, conv, merge)}
    wrong = [
        (mix, replace(applied[mix], inputs=applied[mix].inputs[:7])),
        (mix, replace(applied[mix], attributes=(("table", "normal"), ("row", 14)))),
        (conv, replace(applied[conv], state=())),
        (conv, replace(applied[conv], layer="elsewhere")),
        (conv, replace(applied[conv], state=("elsewhere",))),
        (merge, replace(applied[merge], shape=(31, 8, 8))),
        (merge, replace(applied[merge], kind="lerp")),
        (merge, replace(applied[merge], inputs=("image",))),
    ]
    for node, bad in wrong:
        graph = good.copy()
        graph.nodes[node]["op"] = bad
        with pytest.raises(GraphError, match=node):
            verify(graph)
    with pytest.raises(GraphError, match="GraphInfo"):
        verify(nx.DiGraph())


def test_the_thousandth_of_a_name_is_found_at_once() -> None:
    paths = Paths()
    assert paths.claim("n", "relu") == "n.relu"
    assert paths.claim("n", "relu_2") == "n.relu_2"
    assert [paths.claim("n", "relu") for _ in range(3)] == ["n.relu_3", "n.relu_4", "n.relu_5"]
    assert paths.claim("n", "relu_3") == "n.relu_3_2"
    assert paths.claim("m", "relu") == "m.relu"


def test_a_long_candidate_has_a_short_name() -> None:
    label = " > ".join(["conv(1)"] * 1000)
    name = candidate_name(label)
    assert len(name) == 200
    assert name.startswith("conv_1_conv_1_")
    assert name != candidate_name(label + " > bn")
    assert candidate_name("sep_conv(3) > bn") == "sep_conv_3_bn"
