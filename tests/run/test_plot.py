"""The picture itself: what it says, that it is the same each time, and that its labels keep apart."""

from __future__ import annotations

import io
from itertools import pairwise
from xml.etree import ElementTree

import matplotlib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dartsl.run.curves import CellShares, EdgeShares, Line, Panel
from dartsl.run.plot import FORMATS, apart, picture

PANELS = [
    Panel("loss", (Line("training", ((1, 2.0), (2, 1.0))), Line("validation", ((1, 3.0), (2, 1.5))))),
    Panel("perplexity", (Line("training", ((1, 700.0), (2, 60.0))),)),
    Panel("entropy", (Line("normal", ((1, 1.5), (2, 1.25))),)),
]


def edge(name: str, target: str, strongest: int, kept: bool) -> EdgeShares:
    labels = ("none", "skip_connect", "sep_conv_3x3")
    weights = ((0.5, 0.25), (0.25, 0.625), (0.25, 0.125))
    return EdgeShares(name, target, labels, weights, strongest, 0.375, kept, 1 / len(labels))


CELL = CellShares("normal", (1, 2), (edge("c0 -> n0", "n0", 1, True), edge("c1 -> n1", "n1", 2, False)))


def texts(svg: bytes) -> list[str]:
    return [
        "".join(item.itertext()) for item in ElementTree.fromstring(svg).iter() if item.tag.endswith("text")
    ]


def test_it_names_what_it_shows() -> None:
    found = texts(picture("a search", PANELS, [CELL], averaged=2))
    for words in (
        "a search",
        "loss, nats",
        "training 1.000",
        "validation 1.500",
        "normal 1.250",
        " averaged from epoch 2 ",
        "cell normal",
        "skip_connect 0.62",
        "sep_conv_3x3 0.12",
        "c0 -> n0",
        "c1 -> n1",
        "0.62 +0.375",
    ):
        assert words in found
    assert not any("$" in text for text in found)  # as the labels of a logarithmic axis have it
    assert found.count("skip_connect") == 1  # of the edge that it wins
    assert found.count("sep_conv_3x3") == 1


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_data_give_the_same_bytes_whatever_the_readers_style(kind: str) -> None:
    first = picture("run", PANELS, [CELL], kind=kind)
    with matplotlib.rc_context({"lines.linewidth": 9, "svg.fonttype": "path", "figure.dpi": 30}):
        assert picture("run", PANELS, [CELL], kind=kind) == first
        assert matplotlib.rcParams["lines.linewidth"] == 9
    assert first.startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[kind])


def test_one_epoch_is_drawn_and_dollars_are_no_mathematics() -> None:
    panels = [Panel("loss", (Line("$a_$", ((1, 2.0),)), Line("validation", ((1, 2.0),))))]
    found = texts(picture("$x^$", panels))
    assert {"$x^$", "$a_$ 2.000", "validation 2.000"} <= set(found)


def test_many_operations_of_long_names_and_huge_numbers_are_drawn() -> None:
    labels = tuple(f"operation_of_a_long_name({place})" for place in range(20))
    weights = tuple((1 / 20,) for _ in labels)
    cell = CellShares(
        "wide", (1,), (EdgeShares("a -> b", "b", labels, weights, 3, None, True, 1 / len(labels)),)
    )
    panels = [Panel("perplexity", (Line("training", ((1, 9e99), (2, 3.0))),))]
    found = texts(picture("run", panels, [cell], averaged=1))
    assert "operation_of_a_long_n…" in found
    assert sum(text.startswith("operation_of_a_") for text in found) == 21


def test_edges_into_one_node_stand_side_by_side_wherever_they_are_declared() -> None:
    order = ["c0 -> n0", "c0 -> n1", "c1 -> n0"]
    cell = CellShares("mixed", (1, 2), tuple(edge(name, name[-2:], 1, True) for name in order))
    root = ElementTree.fromstring(picture("run", PANELS, [cell]))
    places = {text.text: float(text.get("y", "")) for text in root.iter() if text.text in order}
    assert places["c0 -> n0"] == places["c1 -> n0"] < places["c0 -> n1"]


def test_a_very_high_picture_has_fewer_dots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dartsl.run.plot.MOST_PIXELS", 300)
    with Image.open(io.BytesIO(picture("run", PANELS, [CELL], kind="png"))) as drawn:
        assert 290 <= max(drawn.size) <= 301


@given(st.lists(st.floats(-0.5, 1.5), max_size=12), st.floats(0.001, 0.08))
def test_labels_keep_apart_and_in_order(wanted: list[float], gap: float) -> None:
    places = apart(wanted, gap)
    assert len(places) == len(wanted)
    order = sorted(range(len(wanted)), key=lambda item: wanted[item])
    for before, after in pairwise(order):
        assert places[after] - places[before] >= gap * (1 - 1e-9)
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in places)
    if all(0 <= place <= 1 for place in wanted) and all(
        wanted[after] - wanted[before] >= gap for before, after in pairwise(order)
    ):
        assert places == pytest.approx(wanted)
