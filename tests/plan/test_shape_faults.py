"""E05xx: which fault is found where, and that one mistake gives one report."""

from __future__ import annotations

import pytest

from tests.plan.help import NETWORK, codes, faults_of


def cell(*edges: str, inputs: str = "x", nodes: str = "y : sum", output: str = "y", name: str = "c") -> str:
    lines = "\n".join(f"  edge {edge}" for edge in edges)
    return f"cell {name} {{ input {inputs}\n node {nodes}\n{lines}\n output {output} }}\n"


def net(stage: str, size: str = "32, 32") -> str:
    return NETWORK.format(size=size, stage=stage)


def test_one_report_however_many_layers_and_edges() -> None:
    text = cell(
        "a, b -> p : half",
        "a, b, p -> q : half | sep_conv(3)",
        inputs="a, b : preprocess",
        nodes="p, q : sum",
    )
    text = text.replace("output y", "output q") + "op half = conv(3, out = C/2)\n"
    found = faults_of(text + net("c*3 > c/2 > c*2"))
    assert [f.code for f in found] == ["E0502"]
    assert [label.text for label in found[0].secondary][-1] == "`c` is used here with width 8"


def test_the_place_is_the_first_concerned() -> None:
    found = faults_of(cell("x -> y : conv(3) > relu") + net("c*2 > c/2 > c/2"))
    assert [f.code for f in found] == ["E0501"]
    stage = found[0].secondary[-1]
    assert stage.text == "`c` is used here with stride 2"
    assert stage.span.text == "c"
    assert stage.span.source.text[stage.span.end : stage.span.end + 2] == "/2"


def test_strides_that_an_edge_does_not_ask_for() -> None:
    assert codes(cell("x -> y : conv(3)/2")) == ["E0501"]
    assert codes(cell("x -> y : global_avg_pool")) == ["E0501"]
    assert codes(cell("x -> y : conv_across(3)") + net("c/2")) == ["E0501"]


def test_strides_of_stage_items() -> None:
    assert codes(net("conv(3)/2 > relu")) == []
    assert codes(net("relu/2")) == ["E0501"]
    assert codes("op down = conv(3)/2" + net("down")) == ["E0501"]
    assert codes("op down = conv(3)/2" + net("down/2")) == []
    assert codes(net("skip_connect/3")) == ["E0501"]


def test_inputs_without_an_operation() -> None:
    text = cell("x0, x1 -> y : sep_conv(3)", inputs="x0, x1")
    assert codes(text + net("c*3")) == []
    assert codes(text + net("c > c/2 > c")) == ["E0501"]


def test_inputs_that_cannot_be_one_stride() -> None:
    text = cell("x0, x1 -> y : sep_conv(3)", inputs="x0, x1 : preprocess")
    stems = "stem conv(3)\n  stem conv_across(3)/2"
    assert codes(text + net("c").replace("stem  conv(3) > bn", stems)) == ["E0501"]


def test_widths_into_a_concat_may_differ() -> None:
    operations = "op half = conv(1, out = C/2)\n"
    text = cell("a -> y : half", "b -> y : sep_conv(3)", inputs="a, b", nodes="y : concat")
    assert codes(operations + text) == []
    assert codes(operations + text.replace("y : concat", "y : mean")) == ["E0502"]


def test_a_symbol_is_compared_as_a_function() -> None:
    same = "op f = conv(1, out = C/2 + C/2) op g = conv(1, out = 2*C - C)\n"
    assert codes(same + cell("x -> y : f | g | identity")) == []
    other = "op f = conv(1, out = C*C/4)\n"  # equal at C = 4 alone
    assert codes(other + cell("x -> y : f | identity")) == ["E0502"]


def test_fractions() -> None:
    quarter = "op q = concat(conv(1, out = C/4), conv(1, out = 3*C/4))\n"
    assert codes(quarter + cell("x -> y : q")) == []
    assert codes(quarter + cell("x -> y : q") + net("c")) == []
    assert codes(quarter + cell("x -> y : q") + net("c").replace("C = 8", "C = 6")) == ["E0503", "E0503"]
    assert codes(cell("x -> y : conv(1, out = 5/2)")) == ["E0503"]


def test_an_odd_width_is_reported_where_it_is_halved() -> None:
    found = faults_of(cell("x -> y : skip_connect") + net("c/2").replace("C = 8", "C = 9"))
    assert {f.code for f in found} == {"E0503"}
    assert {f.primary.span.source.name for f in found} == {"std/cnn.darts"}
    assert found[0].secondary[-1].text == "`c` is used here with width 9"


@pytest.mark.parametrize(
    ("size", "expected"), [("4, 4", []), ("3, 3", []), ("2, 2", ["E0504"]), ("8, 2", ["E0504"])]
)
def test_small_images(size: str, expected: list[str]) -> None:
    assert codes(cell("x -> y : sep_conv(3)", inputs="x : preprocess") + net("c/2 > c/2", size)) == expected


def test_small_images_once_a_network() -> None:
    text = cell("x0, x1 -> y : sep_conv(3) | skip_connect", inputs="x0, x1 : preprocess")
    assert codes(text + net("c/2*5")) == []
    assert codes(text + net("c/2*9")) == ["E0504"]
    assert codes(net("conv(3) > conv(3)/2", "1, 1")) == ["E0504"]


def test_merges_in_operations() -> None:
    def found(body: str) -> list[str]:
        return codes(f"op f = {body}\n" + cell("x -> y : f"))

    assert found("sum(conv(3)/2, conv(1))") == ["E0506"]
    assert found("sum(conv(3), conv(1, out = 2*C))") == ["E0502"]
    assert found("sum(conv_across(3)/2, conv_down(3)/2) > relu") == ["E0506"]
    assert found("lerp(relu, tanh)") == ["E0505"]
    assert found("lerp(relu, tanh, sigmoid)") == []
    assert found("mean(relu)") == []
    assert found("sum(global_avg_pool > conv(1), global_avg_pool)") == ["E0501"]


def test_kinds_of_tensors() -> None:
    assert codes(cell("x -> y : linear") + net("c")) == ["E0507"]
    assert codes(net("conv(3)").replace("global_avg_pool > ", "")) == ["E0507"]
    assert codes(net("conv(3)").replace("> linear(10)", "")) == ["E0507"]
    assert codes(net("conv(3)").replace("linear(10)", "linear(10) > conv(1)")) == ["E0507"]
    assert codes(net("conv(3)").replace("linear(10)", "bn > linear(20) > bn > relu > linear(10)")) == []


def test_faults_of_two_networks_come_in_one_run() -> None:
    second = net("skip_connect/3").replace("tiny", "other")
    assert codes(net("relu/2") + second) == ["E0501", "E0501"]


def test_a_bad_width_hides_only_its_stage() -> None:
    text = net("conv(3)").replace("head ", "stage relu/2 width C/16 stage relu/2 width C\n head ")
    assert codes(text) == ["E0503", "E0501"]


def test_a_bad_count_hides_nothing() -> None:
    assert codes(net("relu*(C/16) > relu/2 > conv(3)")) == ["E0405", "E0501"]


def test_division_by_zero() -> None:
    assert codes("op f(k) = conv(3/k)\n" + cell("x -> y : f(0)")) == ["E0405"]
    assert codes(net("conv(3, out = C/(C - 8))")) == ["E0405"]


def test_one_mistake_in_two_places_is_two_reports() -> None:
    text = cell("a -> y : sep_conv(4)", "b -> y : sep_conv(4)", inputs="a, b")
    assert codes(text) == ["E0405", "E0405"]
