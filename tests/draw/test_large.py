"""Cells of very many edges: laid out roughly, without what would take Graphviz minutes, or refused at once."""

from __future__ import annotations

from functools import cache

import pytest

from dartsl.graph.draw import LABELLED, MANY, draw
from dartsl.graph.render import MOST_LINES, render
from dartsl.lang.check.model import Cell
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source


@cache
def cell(nodes: int) -> Cell:
    """Each node is fed by the input and by all nodes before it: nodes * (nodes + 1) / 2 edges."""
    text = f"""darts 1
    import "std/cnn"
    ops o = none | skip_connect | sep_conv_3x3
    cell dense {{
      input  x
      node   n1..n{nodes} : sum
      edge   all -> n1..n{nodes} : o
      output n{nodes}
    }}"""
    return check(Source("dense.darts", text)).cells["dense"]


def drawn(nodes: int, every: int = 1) -> str:
    """The DOT text of a run in which every n-th edge is kept."""
    dense = cell(nodes)
    weights = {"dense": [[0.2, 0.5, 0.3]] * len(dense.edges)}
    return draw([dense], weights, {"dense": dense.edges[::every]})


def test_a_run_of_some_hundred_edges_is_drawn_roughly_with_its_weights() -> None:
    assert len(cell(20).edges) == 210 > MANY
    text = drawn(20)
    assert "nslimit=1;" in text
    assert text.count("skip_connect  0.50") == 210
    assert b"skip_connect" in render(text, "svg")


def test_a_small_cell_is_laid_out_with_all_care() -> None:
    assert len(cell(16).edges) == 136 < MANY
    assert "nslimit" not in drawn(16)


def test_a_large_run_shows_what_it_keeps() -> None:
    assert len(cell(40).edges) == 820 > LABELLED
    text = drawn(40, every=2)
    assert text.count("skip_connect  0.50") == 410
    assert "410 edges that are dropped are not drawn" in text
    assert "style=dashed" not in text


def test_edges_that_are_too_many_to_be_named_are_bare() -> None:
    text = drawn(40)
    assert "skip_connect" not in text
    assert "820 edges, too many to name their operations" in text
    assert "penwidth=2.25" in text  # 0.50 of three: a quarter of the way from an equal share


def test_what_could_not_be_drawn_in_time_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dartsl.graph.render.subprocess.run", lambda *_a, **_k: pytest.fail("it was tried"))
    text = draw([cell(71)])
    assert len(cell(71).edges) + 1 > MOST_LINES
    with pytest.raises(UserError, match="2,557 edges are too many for a picture: 2,500 can be drawn"):
        render(text, "svg")
    assert render(text, "dot") == text.encode()
