"""Extern ops: the width that they declare, and where they may stand."""

from __future__ import annotations

import pytest

from dartsl.lang.plan.terms import TermLayer
from tests.plan.help import NETWORK, codes, faults_of, one_edge, only_term, planned, spec_of, steps

DECLARED = """
extern op plain(k = 1)
extern op kept(out = Cin)
extern op halved(out = Cin/2)
extern op wide(k, out = 2*C)
extern op sized(out)
"""


@pytest.mark.parametrize(
    ("operation", "widths"),
    [
        ("conv(1, out = C/4) > plain > conv(1)", [2, 8, 8]),  # C, where nothing is declared
        ("conv(1, out = C/4) > kept > conv(1)", [2, 2, 8]),
        ("kept", [8]),
        ("conv(1, out = 2*C) > halved", [16, 8]),
        ("conv(1, out = C/2) > kept > halved > plain(3)", [4, 4, 2, 8]),
        ("wide(3) > conv(1)", [16, 8]),
        ("wide(3, out = C)", [8]),
        ("sized(C/2) > kept > sized(out = C)", [4, 4, 8]),
    ],
)
def test_the_width_of_an_extern_op(operation: str, widths: list[int]) -> None:
    plan = one_edge(operation, extra=DECLARED)
    assert [step.output.channels for step in steps(only_term(plan))] == widths


def test_the_width_reaches_an_implementation_as_out_channels_alone() -> None:
    (step,) = steps(only_term(one_edge("wide(3, out = C)", extra=DECLARED)))
    assert step.arguments == (("k", 3),)


def test_what_is_declared_is_asked_for_too() -> None:
    def found(operation: str) -> list[str]:
        return codes(DECLARED + f"cell c {{ input x node y : sum edge x -> y : {operation} output y }}")

    assert found("halved") == ["E0502"]
    assert found("wide(3)") == ["E0502"]
    assert found("kept") == []
    assert found("wide(3) > halved") == []


def test_bad_widths_of_extern_ops() -> None:
    text = "cell c {{ input x node y : sum edge x -> y : {} output y }}\n" + NETWORK.format(
        size="8, 8", stage="c"
    ).replace("{", "{{").replace("}", "}}")
    odd = faults_of(DECLARED + text.format("conv(1, out = 3) > halved > conv(1)"))
    assert [(fault.code, fault.title) for fault in odd] == [("E0503", "a width cannot be 1.5")]
    assert [f.code for f in faults_of(DECLARED + text.format('sized("x") > conv(1)'))] == ["E0402"]
    assert codes("op f = conv(1, out = Cin)\n" + text.format("f")) == ["E0201"]  # of an extern op alone


def test_extern_ops_take_maps_vectors_and_sequences() -> None:
    head = NETWORK.format(size="8, 8", stage="conv(3)").replace(
        "linear(10)", "kept > linear(4) > halved > plain"
    )
    layer = planned(spec_of(DECLARED + head)).layers[-1]
    assert isinstance(layer, TermLayer)
    assert [step.output.dims for step in steps(layer.term)] == [(8, 1, 1), (8, 1, 1), (4,), (2,), (8,)]
    text = """
    cell rec { input x, h node y : sum edge x -> y : sized(2*C) > halved edge h -> y : plain | kept output y }
    network t(H = 6) {
      input tokens(5)
      stem  embedding(9, out = 2*H) > kept
      stage halved > scan(rec, carry = "h") > plain width H
      head  kept > linear(9)
    }
    """
    layers = planned(spec_of(DECLARED + text)).layers
    assert [layer.output.dims for layer in layers] == [(12, 5), (6, 5), (6, 5), (6, 5), (9, 5)]


def test_what_is_no_map_cannot_be_strided() -> None:
    head = NETWORK.format(size="8, 8", stage="conv(3)").replace("> linear", "> linear(4) > plain/2 > linear")
    (fault,) = faults_of(DECLARED + head)
    assert (fault.code, fault.title) == ("E0507", "`plain` cannot stride over a vector")
    assert codes(
        NETWORK.format(size="8, 8", stage="conv(3)").replace("> linear", "> linear(4) > noise/2 > linear")
    ) == ["E0507"]
