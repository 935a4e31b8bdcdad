"""E05xx: which fault is found where, and that one mistake gives one report."""

from __future__ import annotations

import pytest

from tests.plan.help import NETWORK, codes, faults_of, planned, spec_of


def cell(*edges: str, inputs: str = "x", nodes: str = "y : sum", output: str = "y", name: str = "c") -> str:
    lines = "\n".join(f"  edge {edge}" for edge in edges)
    return f"cell {name} {{ input {inputs}\n node {nodes}\n{lines}\n output {output} }}\n"


def net(stage: str, size: str = "32, 32") -> str:
    return NETWORK.format(size=size, stage=stage)


def test_one_report_however_many_layers_and_edges() -> None:
    text = cell(
        "a, b -> p : sep_conv(3)",
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
    assert codes(operations + text) == ["W0502"]
    spec = spec_of(operations + text + net("c"))
    assert [fault.code for fault in spec.warnings] == ["W0502"]
    assert planned(spec).layers[1].output.channels == 12
    assert codes(operations + text.replace("y : concat", "y : mean")) == ["E0502"]


LOST = "op q = concat(conv(1, out = C/4) > sep_conv(3), conv(1, out = 3*C/4))\n"


@pytest.mark.parametrize("where", ["", net("c")], ids=["in no network", "in one"])
def test_a_width_that_is_lost_in_a_chain_is_an_error(where: str) -> None:
    """Sep_conv gives C, whatever reaches it: 14 channels where C = 8."""
    (fault,) = faults_of(LOST + cell("x -> y : q") + where)
    asked, steps = ("C", ["C", "3*C/4"]) if not where else ("8", ["8", "6"])
    assert fault.code == "E0502"
    assert (
        fault.primary.text == f"asked for {asked} channels, gives {'7*C/4' if not where else '14'} channels"
    )
    assert [label.text for label in fault.secondary][:2] == [
        f"this gives {width} channels" for width in steps
    ]
    assert fault.secondary[0].span.text == "sep_conv(3)"
    mended = LOST.replace("sep_conv(3)", "sep_conv(3) > conv(1, out = C/4)")
    assert codes(mended + cell("x -> y : q") + where) == []


def test_what_keeps_its_width_is_not_said_to_give_c() -> None:
    """Two identities have C channels each because C channels reach them."""
    (fault,) = faults_of(cell("x -> y : concat(identity, identity)") + net("c"))
    assert fault.primary.text == "asked for 8 channels, gives 16 channels"
    assert fault.help == "the widths of the branches add up: `conv(1)` after the `concat` gives C channels"
    (fault,) = faults_of("extern op e(out = Cin)\n" + cell("x -> y : concat(e, e)") + net("c"))
    assert fault.help == "the widths of the branches add up: `conv(1)` after the `concat` gives C channels"
    assert codes(cell("x -> y : concat(identity, identity) > conv(1)") + net("c")) == []


def test_every_place_is_asked_for_its_width() -> None:
    assert codes(LOST + cell("x -> y : identity", inputs="x : q")) == ["E0502"]
    assert codes(LOST + net("q")) == ["E0502"]
    assert codes(net("conv(1, out = C/2)")) == ["E0502"]
    assert codes(net("conv(3)").replace("head ", "stage max_pool(3)/2 width 2*C head ")) == ["E0502"]
    assert codes(cell("x -> y : conv(1, out = C/2)")) == ["E0502"]  # a lone edge, with nothing to disagree
    assert codes(cell("x -> m : conv(1, out = C/2)", "m -> y : conv(1)", nodes="m, y : sum")) == ["E0502"]
    for merge in ("mean", "product"):
        assert codes(cell("x -> y : conv(1, out = C/2)", nodes=f"y : {merge}")) == ["E0502"]
    # what is passed as an argument, chosen, repeated or picked by stride
    assert codes("op f(g) = relu > g\n" + cell("x -> y : f(conv(1, out = 2*C))")) == ["E0502"]
    assert codes("ops o = relu | conv(3, out = C/2)\n" + cell("x -> y : o")) == ["E0502"]
    assert codes("op f = (conv(1, out = C/2) > relu)*2\n" + cell("x -> y : f")) == ["E0502"]
    strided = "op f = match stride { 1 => conv(1), 2 => conv(1, out = C/2)/2 }\n" + cell("x -> y : f")
    assert codes(strided + net("c")) == []
    assert codes(strided + net("c/2")) == ["E0502"]
    # what reaches a node by a concatenation is wider, and a pool keeps it
    wide = cell(
        "x, z -> m : identity", "m -> y : max_pool(3)", inputs="x, z", nodes="m : concat node y : sum"
    )
    assert codes(wide) == ["E0502"]
    assert codes(wide.replace("max_pool(3)", "max_pool(3) > conv(1)")) == []


def test_an_input_that_nothing_prepares_is_named() -> None:
    """The operations are right: the input brings another width."""
    text = cell("c0, c1 -> y : skip_connect | max_pool(3) | sep_conv(3)", inputs="c0, c1")
    wide = net("c").replace("conv(3) > bn", "conv(3, out = 3*C) > bn")
    found = faults_of(text + wide)
    (fault,) = found
    assert (fault.code, fault.primary.span.text) == ("E0502", "c0")
    assert "c1" in [label.span.text for label in fault.secondary]
    assert "`input c0, c1 : preprocess`" in str(fault.help)
    assert codes(text.replace("input c0, c1", "input c0, c1 : preprocess") + wide) == []


def test_recurrent_cells_may_mean_another_width() -> None:
    """An LSTM whose carry holds both of its states; but what is lost is lost there too."""
    scan = 'network t(H = 8) { input tokens(5) stem embedding(9) stage scan(c, carry = "h") width H head linear(9) }'
    edges = ("x, h -> a : linear(out = C/2) > tanh", "a -> b : relu", "h -> b : linear(C/2)")
    packed = cell(*edges, inputs="x, h", nodes="a, b : sum", output="concat(a, b)")
    assert codes(packed + scan) == codes(packed) == []
    lost = cell("x, h -> y : concat(linear(C/4) > linear, linear(3*C/4))", inputs="x, h")
    assert codes(lost + scan) == ["E0502"]


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
