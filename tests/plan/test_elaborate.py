"""Rules 1 to 3 and 10 of the language: what an operation becomes, asked for a width and a stride."""

from __future__ import annotations

import pytest

from dartsl.lang.plan.terms import CellLayer, Merge, Plan, Sequence, Step, TermLayer
from tests.plan.help import NETWORK, codes, one_edge, only_term, planned, shipped, spec_of, steps


def names(plan: Plan) -> list[str]:
    return [step.primitive for step in steps(only_term(plan))]


def strides(plan: Plan) -> list[tuple[int, int]]:
    return [step.stride for step in steps(only_term(plan))]


def test_sep_conv_strides_once() -> None:
    plan = one_edge("sep_conv(3)", stage="one/2")
    half = ["relu", "dwconv", "conv", "bn"]
    assert names(plan) == half + half
    assert strides(plan) == [(1, 1), (2, 2), *[(1, 1)] * 6]
    assert only_term(plan).output.dims == (8, 16, 16)


def test_a_single_name_or_call_is_asked_for_the_stride() -> None:
    assert strides(one_edge("conv(3)", stage="one/2")) == [(2, 2)]
    assert strides(one_edge("f(5)", extra="op f(k) = conv(k)", stage="one/2")) == [(2, 2)]
    assert strides(one_edge("f", extra="op f = match stride { 1 => relu, 2 => conv(3) }", stage="one/2")) == [
        (2, 2)
    ]


def test_elements_of_a_chain_are_asked_for_one() -> None:
    assert codes("cell c { input x node y : sum edge x -> y : relu > conv(3) output y }") == []
    text = "cell one { input x node y : sum edge x -> y : relu > conv(3) output y }"
    assert codes(text + NETWORK.format(size="8, 8", stage="one/2")) == ["E0501"]


def test_an_op_without_a_stride_in_a_body_keeps_its_own() -> None:
    """Only edges, inputs and stage items must give exactly the stride asked for."""
    plan = one_edge("down > relu", extra="op down = conv(3)/2", stage="one/2")
    assert strides(plan) == [(2, 2), (1, 1)]


def test_repetition_strides_in_its_first_element() -> None:
    assert strides(one_edge("(conv(3)*3)/2", stage="one/2")) == [(2, 2), (1, 1), (1, 1)]
    assert strides(one_edge("conv(3)*2*2/2 > relu", stage="one/2")) == [(2, 2), *[(1, 1)] * 4]
    assert strides(one_edge("conv(3)/2*2", stage="one/4")) == [(2, 2), (2, 2)]


def test_arithmetic_on_numbers_and_strings_of_operations() -> None:
    plan = one_edge("conv(2*2 - 1, out = 3*C/3)")
    assert only_term(plan).output.channels == 8
    assert only_term(plan) == Step(
        "conv",
        (("k", 3), ("out", 8), ("dilation", 1)),
        (1, 1),
        plan.layers[0].output,
        plan.layers[0].output,
        plan.network.span,
    )


def test_operations_are_arguments_and_take_the_stride_of_their_place() -> None:
    extra = "op around(f, k) = relu > f/stride > conv(k)"
    plan = one_edge("around(conv(5), 3)", extra=extra, stage="one/2")
    assert names(plan) == ["relu", "conv", "conv"]
    assert strides(plan) == [(1, 1), (2, 2), (1, 1)]
    assert steps(only_term(plan))[1].argument("k") == 5
    chosen = "around(match stride { 1 => tanh, 2 => sigmoid > max_pool(3)/2 }, 1)"
    assert names(one_edge(chosen, extra=extra, stage="one/2")) == ["relu", "sigmoid", "max_pool", "conv"]
    assert names(one_edge(chosen, extra=extra)) == ["relu", "tanh", "conv"]


def test_names_in_an_argument_are_those_of_the_caller() -> None:
    extra = """
      op inner(f, k) = f > conv(k)
      op outer(k)    = inner(conv(k) > relu, 1)
    """
    found = steps(only_term(one_edge("outer(7)", extra=extra)))
    assert [s.argument("k") for s in found if s.primitive == "conv"] == [7, 1]


def test_numbers_may_depend_on_the_stride() -> None:
    extra = "op f = conv(match stride { 1 => 3, 2 => 5 })/stride"
    assert steps(only_term(one_edge("f", extra=extra, stage="one/2")))[0].argument("k") == 5
    extra = "op f(k = 2*stride + 1) = conv(k)/stride"
    assert steps(only_term(one_edge("f", extra=extra, stage="one/2")))[0].argument("k") == 5


def test_the_width_asked_for_reaches_every_call() -> None:
    extra = "op squeeze(r = 4, w = C) = conv(1, out = w/r) > relu > conv(1)"
    plan = one_edge("squeeze", extra=extra)
    assert [s.output.channels for s in steps(only_term(plan))] == [2, 2, 8]
    assert [s.output.channels for s in steps(only_term(one_edge("squeeze(w = 4*C)", extra=extra)))] == [
        8,
        8,
        8,
    ]


def test_factorized_reduce_is_two_shifted_halves() -> None:
    plan = one_edge("skip_connect", stage="one/2", size="7, 9")
    term = only_term(plan)
    assert isinstance(term, Sequence)
    relu, merge, bn = term.terms
    assert isinstance(merge, Merge)
    assert (merge.kind, merge.output.dims) == ("concat", (8, 4, 5))
    assert [s.primitive for s in steps(merge)] == ["conv", "shift", "conv"]
    assert dict(steps(merge)[1].arguments) == {"dy": 1, "dx": 1}
    assert (steps(relu)[0].primitive, steps(bn)[0].primitive) == ("relu", "bn")


def test_strides_of_one_axis() -> None:
    plan = one_edge("conv_7x1_1x7", stage="one/2", size="9, 12")
    across, down = (s for s in steps(only_term(plan)) if s.primitive.startswith("conv_"))
    assert (across.primitive, across.stride, across.output.size) == ("conv_across", (1, 2), (9, 6))
    assert (down.primitive, down.stride, down.output.size) == ("conv_down", (2, 1), (5, 6))


def test_an_even_pool_needs_its_kernel_as_stride() -> None:
    plan = one_edge("avg_pool(2)", stage="one/2", size="5, 5")
    assert only_term(plan).output.size == (3, 3)
    cell = "cell one { input x node y : sum edge x -> y : avg_pool(2) output y }"
    assert codes(cell) == ["E0405"]
    assert codes(cell.replace("avg_pool(2)", "conv(2)") + NETWORK.format(size="8, 8", stage="one/2")) == [
        "E0405"
    ]


def test_one_pixel_broadcasts_in_a_merge() -> None:
    extra = "op se = product(identity, global_avg_pool > conv(1) > sigmoid)"
    term = only_term(one_edge("se", extra=extra))
    assert isinstance(term, Merge)
    assert term.output.dims == (8, 32, 32)
    assert [branch.output.size for branch in term.branches] == [(32, 32), (1, 1)]


@pytest.mark.parametrize("size", ["1, 1", "3, 5", "7, 7", "31, 33"])
def test_a_strided_primitive_gives_the_ceiling(size: str) -> None:
    height, width = (int(x) for x in size.split(","))
    if height == 1:
        return
    plan = one_edge("sep_conv(5) | max_pool_3x3 | avg_pool_3x3 | skip_connect | none | noise", size, "one/2")
    layer = next(x for x in plan.layers if isinstance(x, CellLayer))
    assert {t.output.dims for t in layer.edges[0]} == {(8, -(-height // 2), -(-width // 2))}


def test_batch_norm_follows_the_network() -> None:
    """In a search, `bn` in cells has no affine and `mix_bn` is one; a decided network has the reverse."""
    searched = one_edge("relu | max_pool_3x3 > bn")
    layer = next(x for x in searched.layers if isinstance(x, CellLayer))
    _, mix, bn = steps(layer.edges[0][1])
    assert (mix.primitive, mix.argument("affine")) == ("bn", False)
    assert (bn.primitive, bn.argument("affine")) == ("bn", False)
    stem = searched.layers[0]
    assert isinstance(stem, TermLayer)
    assert steps(stem.term)[1].argument("affine") is True
    decided = one_edge("max_pool_3x3 > bn")
    assert [s.primitive for s in steps(only_term(decided))] == ["max_pool", "bn"]
    assert steps(only_term(decided))[1].argument("affine") is True
    assert (searched.decided, decided.decided) == (False, True)


def test_mix_bn_alone_is_the_identity_once_decided() -> None:
    assert names(one_edge("mix_bn")) == ["identity"]


def test_mix_bn_after_merges() -> None:
    text = """
      cell one {{
        input x
        node y : sum > mix_bn
        edge x -> y : {operations}
        output concat(y, y2) > mix_bn
        node y2 : mean > mix_bn
        edge x -> y2 : relu
      }}
    """.replace("output concat(y, y2) > mix_bn", "").replace(
        "edge x -> y2 : relu", "edge x -> y2 : relu output concat(y, y2) > mix_bn"
    )
    for operations, expected in (("relu | tanh", True), ("relu", False)):
        spec = spec_of(text.format(operations=operations) + NETWORK.format(size="8, 8", stage="one"))
        layer = next(x for x in planned(spec).layers if isinstance(x, CellLayer))
        assert layer.node_bn == (expected, expected)
        assert layer.output_bn == (expected,)
        assert layer.output.channels == 16


def test_a_plugin_gives_the_width_and_strides() -> None:
    extra = "extern op deform(k, groups = 1)"
    step = only_term(one_edge("deform(3, groups = 2)", extra=extra, stage="one/2", size="5, 5"))
    assert isinstance(step, Step)
    assert (step.arguments, step.stride, step.output.dims) == ((("k", 3), ("groups", 2)), (2, 2), (8, 3, 3))


def test_nested_ops_are_refused_before_they_explode() -> None:
    doubling = "op a0 = relu\n" + "\n".join(f"op a{i} = a{i - 1} > a{i - 1}" for i in range(1, 40))
    cell = "\ncell c { input x node y : sum edge x -> y : a39 output y }\n"
    assert codes(doubling + cell + NETWORK.format(size="8, 8", stage="c")) == ["E0310"]
    deep = "op a0 = relu\n" + "\n".join(f"op a{i} = a{i - 1} > relu" for i in range(1, 400))
    assert codes(deep + cell.replace("a39", "a399")) == ["E0310"]
    many = "cell c { input x node y : sum edge x -> y : relu*1000000000 output y }"
    assert codes(many + NETWORK.format(size="8, 8", stage="c")) == ["E0310"]


def test_nasbench_block_between_stages() -> None:
    layers = [x for x in planned("nasbench201").layers if isinstance(x, TermLayer) and x.kind == "op"]
    assert len(layers) == 2
    first = layers[0].term
    assert isinstance(first, Merge)
    assert first.output.dims == (32, 16, 16)
    assert [s.primitive for s in steps(first)] == [
        "relu",
        "conv",
        "bn",
        "relu",
        "conv",
        "bn",
        "avg_pool",
        "conv",
    ]
    assert all(s.argument("affine") is True for s in steps(first) if s.primitive == "bn")


def test_equal_layers_share_their_terms() -> None:
    cells = [x for x in planned("darts_cnn", n=6).layers if isinstance(x, CellLayer)]
    assert cells[3].edges is cells[4].edges
    assert len({id(x.edges) for x in cells}) < len(cells)
    assert shipped("darts_cnn").decided(shipped("darts_cnn").networks["cifar10"]) is False


@pytest.mark.parametrize("value", ["1000", "C", "C + 1"])
def test_a_number_that_ops_square_again_and_again_is_refused(value: str) -> None:
    """It would have 2^40 times as many digits, or terms."""
    squares = "\n".join(f"op f{n}(k) = f{n - 1}(k*k)" for n in range(1, 41))
    cell = f"cell c {{ input x node y : sum edge x -> y : f40({value}) output y }}"
    assert codes(f"op f0(k) = conv(1, out = k)\n{squares}\n{cell}") == ["E0405"]
