"""Rule 13: layers, what they read, and the strides between them."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest

from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import CellLayer, Plan, TermLayer
from tests.plan.help import codes, planned, shipped, spec_of, steps

CELL = """
cell a { input c0, c1 : preprocess node n : sum edge c0, c1 -> n : skip_connect output n }
cell b { input x node n : sum edge x -> n : skip_connect output n }
cell three { input p, q, r : any node n : sum edge all -> n : skip_connect output n }
op any = relu > conv(1)/stride
op block(k) = conv(k)/stride > relu
"""


def network(*items: str, parameters: str = "C = 8, n = 2") -> Plan:
    text = "\n".join(("input image(3, 33, 17)", *items, "head global_avg_pool > linear(10)"))
    return planned(spec_of(f"{CELL} network net({parameters}) {{ {text} }}"))


def cells(plan: Plan) -> list[CellLayer]:
    return [layer for layer in plan.layers if isinstance(layer, CellLayer)]


def test_chains_repetitions_and_strides() -> None:
    items = ("stem conv(3)", "stage (a/2 > b*n)*2 > b*n/2 > block(3)*2 width C")
    found = [
        (layer.cell.name, layer.stride) if isinstance(layer, CellLayer) else layer.kind
        for layer in network(*items).layers
    ]
    round_ = [("a", 2), ("b", 1), ("b", 1)]
    assert found == ["stem", *round_, *round_, ("b", 2), ("b", 1), "op", "op", "head"]


def test_names_of_layers() -> None:
    found = [layer.name for layer in network("stem conv(3)", "stem relu", "stage a*2 > relu width C").layers]
    assert found == ["stem0", "stem1", "layer0", "layer1", "layer2", "head"]


def test_inputs_read_the_last_layers_oldest_first() -> None:
    plan = network("stem conv(3)", "stage a*2 > three > b > three width C")
    assert [layer.reads for layer in cells(plan)] == [
        ("stem0", "stem0"),
        ("stem0", "layer0"),
        ("stem0", "layer0", "layer1"),
        ("layer2",),
        ("layer1", "layer2", "layer3"),
    ]


def test_the_first_stem_fills_older_gaps() -> None:
    plan = network("stem conv(3)", "stem conv(3)/2", "stage three width C")
    assert cells(plan)[0].reads == ("stem0", "stem0", "stem1")
    inputs = [[s.stride for s in steps(t)] for t in cells(plan)[0].inputs if t is not None]
    assert inputs == [[(1, 1), (2, 2)], [(1, 1), (2, 2)], [(1, 1), (1, 1)]]


def test_the_stride_of_an_input_is_a_product() -> None:
    plan = network("stem conv(3)", "stage b/2 > block(3)/2 > three width C")
    last = cells(plan)[-1]
    assert last.reads == ("stem0", "layer0", "layer1")
    assert [[s.stride for s in steps(t)][-1] for t in last.inputs if t is not None] == [
        (4, 4),
        (2, 2),
        (1, 1),
    ]
    assert {shape.dims for shape in last.input_shapes} == {(8, 9, 5)}


def test_odd_sizes_meet() -> None:
    """33x17 through two reductions: both inputs of each cell come to the same size."""
    plan = network(
        "stem conv(3)", "stage a*n width C", "stage a/2 > a*n width 2*C", "stage a/2 > a*n width 4*C"
    )
    assert [layer.output.size for layer in cells(plan)] == [(33, 17)] * 2 + [(17, 9)] * 3 + [(9, 5)] * 3
    assert all(len({s.size for s in layer.input_shapes}) == 1 for layer in cells(plan))


def test_preprocessing_after_a_reduction() -> None:
    first, second, third = cells(planned("darts_cnn", n=1))[:3]
    assert [layer.stride for layer in (first, second, third)] == [1, 2, 1]
    assert [s.primitive for s in steps(third.inputs[0])] == ["relu", "conv", "shift", "conv", "bn"]
    assert [s.primitive for s in steps(third.inputs[1])] == ["relu", "conv", "bn"]
    assert [s.primitive for s in steps(second.inputs[0])] == ["relu", "conv", "bn"]


def test_edges_that_leave_an_input_stride() -> None:
    reduction = cells(planned("darts_cnn", n=1))[1]
    for edge, terms in zip(reduction.cell.edges, reduction.edges, strict=True):
        expected = (2, 2) if edge.source in ("c0", "c1") else (1, 1)
        assert max(s.stride for s in steps(terms[4])) == expected


def test_widths_of_stems_and_heads() -> None:
    plan = network("stem conv(3)", "stage b width 3*C", "stage any width C", parameters="C = 4")
    assert plan.layers[0].output.channels == 12
    head = plan.layers[-1]
    assert isinstance(head, TermLayer)
    assert steps(head.term)[0].input.channels == 4
    assert plan.classes == 10
    asked = planned(
        spec_of(f"""{CELL} network net(C = 4) {{
      input image(3, 8, 8) stem conv(3) stage any width 3*C head global_avg_pool > linear
    }}""")
    )
    assert asked.classes == 12


def test_a_written_c_in_a_network_is_its_parameter() -> None:
    plan = network("stem conv(3, out = C)", "stage any width 2*C", parameters="C = 4")
    assert [layer.output.channels for layer in plan.layers] == [4, 8, 10]


def test_parameters() -> None:
    spec = shipped("darts_cnn")
    net = spec.networks["cifar10"]
    assert plan(spec, net, {"C": 4}).layers[1].output.channels == 16
    assert dict(plan(spec, net, {"C": 4}).parameters) == {"C": 4, "n": 2, "classes": 10}
    with pytest.raises(UserError, match="no parameter `D`") as unknown:
        plan(spec, net, {"D": 4})
    assert unknown.value.exit_code == 2
    for wrong in ({"C": 0}, {"C": -4}, {"n": 0}, {"C": Fraction(1, 3)}):
        with pytest.raises(SpecError) as bad:
            plan(spec, net, wrong)
        assert {d.code for d in bad.value.diagnostics} <= {"E0503", "E0405"}


def test_a_later_parameter_may_use_an_earlier_one() -> None:
    plan = network("stem conv(3)", "stage any width w", parameters="C = 4, w = 2*C")
    assert plan.layers[1].output.channels == 8


@pytest.mark.parametrize("stage", ["b*1000000000", "(b*100000)*100000", "b*5001 > b*5001"])
def test_too_many_layers(stage: str) -> None:
    start = time.perf_counter()
    net = f"network net(C = 8) {{ input image(3, 8, 8) stem conv(3) stage {stage} width C head linear }}"
    assert "E0310" in codes(CELL + net)
    assert time.perf_counter() - start < 2


def test_too_many_operations() -> None:
    edges = "edge all -> n0..n40 : darts"
    cell = f"cell big {{ input c0, c1 : preprocess node n0..n40 : sum {edges} output concat(n0..n40) }}"
    net = "network net(C = 8) { input image(3, 8, 8) stem conv(3) stage big*9000 width C head linear }"
    start = time.perf_counter()
    assert "E0310" in codes(cell + net)
    assert time.perf_counter() - start < 5


def test_a_hundred_layers_are_quick() -> None:
    spec = shipped("darts_cnn")
    start = time.perf_counter()
    assert len(plan(spec, spec.networks["cifar10"], {"n": 100}).layers) == 304
    assert time.perf_counter() - start < 1
