"""Diagrams: golden DOT, labels that stay apart, odd names, and pictures in every format."""

from __future__ import annotations

import io
import math
import random
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from dartsl.graph import render as rendering
from dartsl.graph.draw import draw
from dartsl.graph.legend import legend
from dartsl.graph.render import picture_format, render
from dartsl.lang.check.model import Cell
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.loader import read
from dartsl.lang.syntax.resources import shipped_specs

from . import samples
from .boxes import boxes, overlaps

GOLDEN = Path(__file__).parent / "golden"


def mixing_weights(cell: Cell, seed: int = 1) -> list[list[float]]:
    """A table of softmaxed weights, as a run would have it."""
    draws = random.Random(seed)
    rows = [[math.exp(draws.gauss(0, 1)) for _ in edge.candidates] for edge in cell.searched_edges]
    return [[value / sum(row) for value in row] for row in rows]


def run_drawing() -> str:
    cells = [samples.darts_space(), samples.darts_space("reduction")]
    return draw(cells, {cell.name: mixing_weights(cell) for cell in cells})


DRAWINGS: dict[str, Callable[[], str]] = {
    "darts_v2": lambda: draw(samples.darts_v2()),
    "nasnet_a": lambda: draw(samples.nasnet_a()),
    "darts_space": lambda: draw([samples.darts_space(), samples.darts_space("reduction")]),
    "nb201": lambda: draw([samples.nb201()]),
    "irregular": lambda: draw([samples.irregular()]),
    "run": run_drawing,
    "lstm": lambda: draw(check(read("lstm")).cells.values()),
    "rnn_v1": lambda: draw(check(read("zoo/rnn_v1")).cells.values()),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_dot_is_golden(name: str, golden: Callable[[Path, str], None]) -> None:
    # Versions of pydot differ in blanks and empty lines.
    lines = (" ".join(line.split()) for line in DRAWINGS[name]().splitlines())
    golden(GOLDEN / f"{name}.dot", "".join(f"{line}\n" for line in lines if line))


@pytest.mark.parametrize("name", DRAWINGS)
def test_no_label_lies_over_another(name: str) -> None:
    assert overlaps(render(DRAWINGS[name](), "svg")) == []


@pytest.mark.parametrize("name", [name for name in shipped_specs() if not name.startswith("std/")])
def test_no_label_lies_over_another_in_a_shipped_spec(name: str) -> None:
    assert overlaps(render(draw(check(read(name)).cells.values()), "svg")) == []


def test_every_operation_of_a_decided_cell_is_written_once_an_edge() -> None:
    cells = samples.nasnet_a()
    texts = sorted(box.text for box in boxes(render(draw(cells), "svg")))
    wanted = sorted(edge.candidates[0].label for cell in cells for edge in cell.edges)
    assert [text for text in texts if "_" in text] == wanted


def test_an_overlap_is_seen() -> None:
    svg = b"""<svg xmlns="http://www.w3.org/2000/svg">
    <text x="0" y="10" font-size="12">sep_conv_3x3</text>
    <text x="50" y="12" font-size="12">none</text></svg>"""
    assert overlaps(svg) == [("sep_conv_3x3", "none")]


def test_names_and_labels_that_dot_would_misread() -> None:
    odd = samples.cell(
        "graph",
        ("node", "edge"),
        [("subgraph", "sum", None), ("strict", "concat", None), ("digraph", "sum", None)],
        [
            ("node", "subgraph", ('linear(out = C, share = "a:b")', "a\\nb")),
            ("edge", "strict", ("x<y>&z",)),
            ("subgraph", "strict", ("relu > conv(3)",)),
            ("strict", "digraph", ('"',)),
        ],
        ("concat", ("subgraph", "digraph")),
    )
    texts = " ".join(box.text for box in boxes(render(draw([odd]), "svg")))
    for wanted in (
        "graph",
        "node",
        "edge",
        "subgraph",
        "strict",
        'share = "a:b")',
        "a\\nb",
        "x<y>&z",
        "relu > conv(3)",
    ):
        assert wanted in texts


def test_a_shared_set_is_reported_once() -> None:
    shown = legend(samples.darts_space())
    assert shown.captions == (
        "each edge: " + " | ".join(samples.DARTS),
        "keep 2 edges into each node",
    )
    assert all(text == [] for text in shown.texts.values())


def test_sets_used_again_get_letters_and_others_stand_on_their_edge() -> None:
    shown = legend(samples.irregular())
    assert shown.captions == (
        "A = sep_conv(3) | sep_conv(5) | dil_conv(3)",
        "B = max_pool(3) | avg_pool(3) | skip_connect",
    )
    assert shown.texts == {2: ["A"], 3: ["A"], 5: ["B"], 6: ["B"]}


def test_stronger_edges_are_wider() -> None:
    cell = samples.nb201()
    table = [[0.9, 0.04, 0.03, 0.02, 0.01]] + [[0.0, 1.0, 0.0, 0.0, 0.0]] * 5
    text = draw([cell], {"block": table})
    assert "skip_connect  0.04" in text  # never `none`, however strong
    assert "penwidth=1.00" in text
    assert "penwidth=6.00" in text


def test_edges_that_a_search_drops_are_dashed() -> None:
    cell = samples.nb201()
    table = [[0.0, 1.0, 0.0, 0.0, 0.0]] * 6
    assert "dashed" not in draw([cell], {"block": table}, {"block": cell.edges})
    assert (
        draw([cell], {"block": table}, {"block": cell.edges[1:]}).count("dashed") == 2
    )  # both halves of one


@pytest.mark.parametrize("table", [[], [[0.5]] * 6])
def test_weights_of_another_cell_are_refused(table: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="block"):
        draw([samples.nb201()], {"block": table})


def test_formats() -> None:
    dot = draw([samples.nb201()])
    assert render(dot, "dot").decode() == dot
    assert ET.fromstring(render(dot, "svg")).tag.endswith("svg")
    with Image.open(io.BytesIO(render(dot, "png"))) as image:
        assert min(image.size) > 100
    assert render(dot, "pdf").startswith(b"%PDF")


def test_a_name_without_a_known_format_is_refused() -> None:
    assert picture_format(Path("a.SVG")) == "svg"
    with pytest.raises(UserError, match="ends in none of"):
        picture_format(Path("cell.jpeg2"))


def test_without_graphviz_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering.shutil, "which", lambda *_, **__: None)
    with pytest.raises(UserError, match="Graphviz is missing") as caught:
        render("digraph {}", "svg")
    assert caught.value.help is not None
    assert "graphviz-pure" in caught.value.help


def test_a_program_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="could not be drawn"):
        render("digraph { a -> ", "svg")
