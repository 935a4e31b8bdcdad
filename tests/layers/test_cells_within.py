"""Cells that stand as operations in other cells, and in the choice of a layer (darts 2)."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch

from dartsl.exchange.writing import genotype_text
from dartsl.graph.budget import budget, counted
from dartsl.graph.build import build
from dartsl.graph.passes import apply, passes_of
from dartsl.graph.target import TARGETS
from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check, diagnose
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.flow import constant
from dartsl.lang.plan.layer_choices import laid_out
from dartsl.lang.plan.network_plan import plan
from dartsl.nn.build import Build
from dartsl.nn.supernet import compile
from dartsl.searching.connected import derive_network
from dartsl.searching.cost import Expected
from dartsl.searching.derive import Provenance, found_text
from dartsl.searching.latency import Setup, latencies
from dartsl.searching.prices import CostTable, digest, parameters_of
from dartsl.searching.readouts import Reading
from dartsl.searching.rules import Rule
from tests.layers.bars import found_of_bars
from tests.nn.specs import NESTED
from tests.passes.same import compare, model, planned_text

WHENCE = Provenance("0.1.0", "test.darts", "ab" * 32, seed=0, epoch=1, command="dartsl search test.darts")
SPEC = """darts 2
cell motif {
  input  x
  node   a, b : sum
  edge   x -> a : none | conv(1)/stride | conv(3)/stride
  edge   a -> b : none | conv(3)
  output b
}
cell twin = motif
cell top {
  input  x
  node   a : sum
  node   b : sum keep 1
  edge   x -> a : motif | conv(1)/stride
  edge   x -> b : motif/stride > relu
  edge   a -> b : twin | identity
  output b
}
network net(C = 2) {
  input image(2, 6, 6)
  stem  conv(1)
  stage top > top/2 > (twin | sum(identity, twin) | top > motif) width C
  head  global_avg_pool > linear(3)
}
"""


CHOICE = "(twin | sum(identity, twin) | top > motif)"
LAYERS = f"top > top/2 > {CHOICE}"


def read(text: str = SPEC) -> Spec:
    return check(Source("test.darts", text))


def derived(spec: Spec, weights: dict[str, list[list[float]]], rule: str = "argmax") -> Spec:
    """The found file, checked."""
    planned = plan(spec, spec.networks["net"])
    whole = {cell.name: Reading(weights.get(cell.name, [])) for cell in planned.cells()}
    spec, network = laid_out(spec, spec.networks["net"], {})
    return check(
        Source("found.darts", found_text(spec, network, planned.parameters, whole, WHENCE, Rule(rule)))
    )


WEIGHTS = {
    "motif": [[0.1, 0.5, 0.4], [0.2, 0.8]],
    "twin": [[0.1, 0.4, 0.5], [0.3, 0.7]],
    "top": [[0.6, 0.4], [0.7, 0.3]],
    "layer2": [[0.2, 0.3, 0.5]],
}


@pytest.mark.parametrize(
    "text",
    [SPEC.replace(LAYERS, "top/2"), pytest.param(NESTED, marks=pytest.mark.slow)],
    ids=["spec", "nested"],
)
def test_passes_change_nothing(text: str) -> None:
    """-O2 gives the outputs and gradients of -O0, in float64."""
    planned = planned_text(text)
    plain = build(planned)
    optimised = apply(plain, passes_of(2, TARGETS["cpu"])).graph
    assert len(optimised) < len(plain)
    compare(model(planned, plain), model(planned, optimised))


def test_alphas_belong_to_the_name_and_weights_to_each_place() -> None:
    made = compile(read(), build=Build(level=0))
    assert [table.name for table in made.tables] == ["top", "motif", "twin", "layer2"]
    names = [name for name, _ in made.named_parameters() if name.endswith("motif.b.a.conv_3.conv.weight")]
    assert names == [
        "network.layer0.a.x.motif.b.a.conv_3.conv.weight",
        "network.layer0.b.x.motif_stride_relu.motif.b.a.conv_3.conv.weight",
        "network.layer1.a.x.motif.b.a.conv_3.conv.weight",
        "network.layer1.b.x.motif_stride_relu.motif.b.a.conv_3.conv.weight",
        "network.layer2.top_motif.top.a.x.motif.b.a.conv_3.conv.weight",
        "network.layer2.top_motif.top.b.x.motif_stride_relu.motif.b.a.conv_3.conv.weight",
        "network.layer2.top_motif.motif.b.a.conv_3.conv.weight",
    ]


def test_a_cell_that_stands_as_an_operation_is_asked_for_stride_and_width() -> None:
    planned = plan(read(), read().networks["net"])
    uses = [(use.cell.name, use.stride, use.width) for use in planned.uses()]
    assert uses[:5] == [("top", 1, 2), ("motif", 1, 2), ("motif", 1, 2), ("twin", 1, 2), ("top", 2, 2)]
    assert uses[5:8] == [("motif", 2, 2), ("motif", 2, 2), ("twin", 1, 2)]
    assert planned.nested() == ("top", "motif")


@pytest.mark.parametrize(
    ("layer", "won"),
    [
        ([[1.0, 0.0, 0.0]], "stage twin  width C  # 1.0"),
        ([[0.0, 1.0, 0.0]], "cell layer2_cell {"),
        ([[0.0, 0.0, 1.0]], "edge   x -> y : top > motif"),
    ],
)
def test_found_files_have_the_cells_that_stand_in_them(layer: list[list[float]], won: str) -> None:
    found = derived(read(), {**WEIGHTS, "layer2": layer})
    text = found.root.source.text
    assert won in text
    assert found.decided(found.networks["net"])
    shapes = [layer.output for layer in plan(found, found.networks["net"]).layers]
    searched = read()
    assert shapes == [layer.output for layer in plan(searched, searched.networks["net"]).layers]


def test_a_cell_that_nothing_holds_any_more_is_left_out() -> None:
    spec = read(SPEC.replace(CHOICE, "motif"))
    weights = {**WEIGHTS, "top": [[0.6, 0.4], [0.3, 0.7]]}
    del weights["layer2"]
    found = derived(spec, weights)
    assert list(found.cells) == ["top", "motif"]
    assert "# note     cell twin stands nowhere, and is left out\n" in found.root.source.text


THROUGH = """darts 2
cell motif {
  input  x
  node   a, b : sum
  edge   x -> a : none | conv(1)
  edge   a -> b : none | conv(3)
  output b
}
cell top {
  input  x
  node   a, b : sum
  edge   x -> a : motif | none
  edge   a -> b : motif > relu | conv(1)
  output b
}
network net(C = 2) {
  input image(2, 6, 6)
  stem  conv(1)
  stage top width C
  head  global_avg_pool > linear(3)
}
"""


def test_the_likeliest_choices_that_let_the_input_through() -> None:
    """What is found is the likeliest of all 16 architectures whose output depends on the input."""
    spec = read(THROUGH)
    weights = {"top": [[0.3, 0.7], [0.6, 0.4]], "motif": [[0.6, 0.4], [0.7, 0.3]]}
    readings = {name: Reading(rows) for name, rows in weights.items()}
    found = derive_network(spec, spec.networks["net"], {}, readings)
    likely: dict[float, list[str]] = {}
    for columns in itertools.product((0, 1), repeat=4):
        chosen = {"top": columns[:2], "motif": columns[2:]}
        sure = {name: [[1.0 - at, float(at)] for at in row] for name, row in chosen.items()}
        decided = derived(spec, sure)
        if constant(plan(decided, decided.networks["net"])) is None:
            rows = [
                (weights[name][at], column) for name, row in chosen.items() for at, column in enumerate(row)
            ]
            text = decided.root.source.text
            likely[math.prod(row[column] for row, column in rows)] = text[
                text.index("cell top") :
            ].splitlines()
    best = likely[max(likely)]
    assert len(found.changes) == 3
    for each in found.cells:
        for kept in each.edges:
            assert any(line.strip().startswith("edge") and kept.candidate.label in line for line in best)
    assert [kept.candidate.label for each in found.cells for kept in each.edges] == [
        "motif",
        "motif > relu",
        "conv(1)",
        "conv(3)",
    ]


def test_costs_are_those_of_all_that_can_be_found() -> None:
    """The mean over all choices at even weights, the least and the most."""
    spec = read(
        SPEC.replace("top > top/2 > (twin | sum(identity, twin) | top > motif)", "top > top/2").replace(
            "none | ", ""
        )
    )
    network = spec.networks["net"]
    planned = plan(spec, network)
    costs = budget(planned, counted(planned, "parameters"))
    sizes = {cell.name: [len(edge.candidates) for edge in cell.searched_edges] for cell in planned.cells()}
    weights = {name: [[1 / n] * n for n in row] for name, row in sizes.items()}
    totals = []
    for chosen in itertools.product(*(range(n) for row in sizes.values() for n in row)):
        columns = iter(chosen)
        taken = {name: [next(columns) for _ in row] for name, row in sizes.items()}
        for kept in (1, 2):  # of the edges into b one stays
            places = {
                cell.name: [
                    (place, taken[cell.name][cell.searched_edges.index(edge)] if edge.searched else 0)
                    for place, edge in enumerate(cell.edges)
                    if cell.name != "top" or place in (0, kept)
                ]
                for cell in planned.cells()
            }
            totals.append(costs.of(places))
    assert costs.expected(weights) == pytest.approx(sum(totals) / len(totals))
    assert costs.span() == (min(totals), max(totals))
    made = compile(spec, build=Build(level=0, dtype=torch.float64))
    for alpha in made.alpha_parameters():
        torch.nn.init.zeros_(alpha)
    expected = Expected(lambda each: counted(each, "parameters"))(made)
    assert float(expected.detach()) == pytest.approx(sum(totals) / len(totals))
    expected.backward()
    assert all(alpha.grad is not None and alpha.grad.abs().sum() > 0 for alpha in made.alpha_parameters())


def test_darts_1_has_no_cells_as_operations() -> None:
    text = "darts 1\ncell a {\n  input x\n  node n : sum\n  edge x -> n : relu\n  output n\n}\n"
    text += "cell b {\n  input x\n  node n : sum\n  edge x -> n : a\n  output n\n}\n"
    (fault,) = diagnose(Source("test.darts", text)).errors
    assert (fault.code, fault.help) == (
        "E0402",
        "cells are layers of a `stage`; they can be operations from `darts 2` on",
    )
    assert diagnose(Source("test.darts", text.replace("darts 1", "darts 2"))).errors == ()


CELL = """cell c{at} {{
  input  x
  node   n : sum
  edge   x -> n : {operation}
  output n
}}
"""


@pytest.mark.parametrize("stage", ["c40", "c0 > c10 > c20 > c30 > c40"])
@pytest.mark.parametrize("network", [True, False])
def test_cells_too_deep_within_one_another_end_in_a_report(stage: str, network: bool) -> None:
    cells = "".join(CELL.format(at=at, operation=f"c{at - 1}" if at else "relu") for at in range(41))
    found = diagnose(Source("test.darts", f"darts 2\n{cells}{network_of(stage) if network else ''}")).errors
    assert {fault.code for fault in found} == {"E0310"}
    assert len(found) == 1


def test_cells_that_grow_within_one_another_end_in_a_report() -> None:
    cells = "".join(CELL.format(at=at, operation=f"c{at - 1}*10" if at else "relu") for at in range(12))
    (found,) = diagnose(Source("test.darts", f"darts 2\n{cells}{network_of('c11')}")).errors
    assert (found.code, found.title[:26]) == ("E0310", "too large to build: 10,559")


def network_of(stage: str) -> str:
    return f"""network net(C = 2) {{
  input image(2, 6, 6)
  stem  conv(1)
  stage {stage} width C
  head  global_avg_pool > linear(3)
}}
"""


def test_planted_motifs_are_found(tmp_path: Path) -> None:
    """A window of 3 x 3 is in the motif alone."""
    text = """darts 2
cell motif {
  input  x
  node   a, y : sum
  edge   x -> a : conv(1) > bn > relu | conv(3) > bn > relu
  edge   a -> y : none | conv(1) > bn > relu
  output y
}
cell block {
  input  x
  node   y : sum
  edge   x -> y : none | conv(1) > bn > relu | motif
  output y
}
network bars {
  input image(1, 6, 6)
  stem  conv(1, out = 8)
  stage block width 8
  head  global_avg_pool > linear(2)
}
"""
    edges = [line for line in found_of_bars(text, tmp_path) if line.startswith("edge")]
    assert edges == [
        "edge   x -> y : motif",
        "edge   x -> a : conv(3) > bn > relu",
        "edge   a -> y : conv(1) > bn > relu",
    ]


def test_partial_channels_do_not_go_with_cells_within_cells() -> None:
    found = diagnose(Source("test.darts", SPEC + "search { partial = 2 }\n")).errors
    assert {fault.code for fault in found} == {"E0613"}
    assert "it stands in `top`, which holds the cell `motif`" in found[0].primary.text


def test_what_others_cannot_say_of_cells_within_cells_is_refused() -> None:
    """A genotype, and costs that were measured layer by layer."""
    spec = derived(read(), WEIGHTS)
    decided = plan(spec, spec.networks["net"])
    with pytest.raises(UserError, match="cell `top` holds the cell `motif`"):
        genotype_text(spec, decided)
    searched = read()
    planned = plan(searched, searched.networks["net"])
    with pytest.raises(UserError, match="latencies are measured of cells that are layers"):
        latencies(searched, planned, Setup(Build(level=0)))
    table = CostTable("ms", "net", parameters_of(planned), digest(planned), {"device": "here"}, {}, {})
    with pytest.raises(UserError, match="costs of layers, and `top` holds the cell `motif`"):
        table.prices(planned, "costs.json")
