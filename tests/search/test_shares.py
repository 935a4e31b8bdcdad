"""The mixing weights of a search over its epochs, and what would be made of them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.run.folder import RunFolder
from dartsl.run.inputs import TextInputs
from dartsl.run.kinds import ALPHAS
from dartsl.run.records import RunInfo
from dartsl.searching.shares import cell_shares

SPEC = """darts 1

import "std/cnn"

cell pair {
  input  a, b : preprocess
  node   p : sum keep 1
  node   q : sum
  edge   a -> p : none | skip_connect | sep_conv(3)
  edge   b -> p : none | skip_connect
  edge   b -> p : skip_connect | max_pool_3x3
  edge   a -> q : none | skip_connect
  edge   p -> q : max_pool_3x3
  output concat(p, q)
}

cell plain {
  input  a, b : preprocess
  node   p : sum
  edge   a, b -> p : skip_connect
  output p
}

network small(C = 4) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage pair > plain width C
  head  global_avg_pool > linear(10)
}
"""
# Alphas: logarithms of the weights that are wanted.
FIRST = [[0.25, 0.25, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
LAST = [[0.6, 0.3, 0.1], [0.3, 0.7], [0.4, 0.6], [0.9, 0.1]]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    spec = check(Source("small", SPEC))
    info = RunInfo(
        "search", "small", "0" * 64, "small", {"C": "4"}, {}, 0, "", [], "1" * 64, TextInputs("word"), {}
    )
    with RunFolder.begun(tmp_path / "run", spec.files, info) as run:
        return run


def record(run: RunFolder, epoch: int, weights: list[list[float]]) -> None:
    alphas = [[math.log(weight) for weight in row] for row in weights]
    run.record({"epoch": epoch}, {ALPHAS: {"epoch": epoch, "alphas": {"pair": alphas}}})


def test_edges_over_the_epochs(run: RunFolder) -> None:
    record(run, 1, FIRST)
    record(run, 2, LAST)
    (cell,) = cell_shares(run)  # the other one leaves no choice
    assert (cell.name, cell.epochs) == ("pair", (1, 2))
    assert [edge.name for edge in cell.edges] == ["a -> p", "b -> p", "b -> p (2)", "a -> q"]
    assert cell.edges[0].labels == ("none", "skip_connect", "sep_conv(3)")
    for edge, first, last in zip(cell.edges, FIRST, LAST, strict=True):
        assert [row[0] for row in edge.weights] == pytest.approx(first)
        assert [row[1] for row in edge.weights] == pytest.approx(last)


def test_what_would_win_and_what_would_stay(run: RunFolder) -> None:
    """Into a node with `keep`, none cannot win an edge; into one without it can, and the edge goes."""
    record(run, 1, LAST)
    (cell,) = cell_shares(run)
    assert [edge.labels[edge.strongest] for edge in cell.edges] == [
        "skip_connect",
        "skip_connect",
        "max_pool_3x3",
        "none",
    ]
    assert [edge.kept for edge in cell.edges] == [False, True, False, False]
    leads = [edge.lead for edge in cell.edges]
    assert leads[1] is None  # nothing else could have won
    assert [leads[0], leads[2], leads[3]] == pytest.approx([0.2, 0.2, 0.8])


def test_alphas_that_do_not_fit(run: RunFolder) -> None:
    with pytest.raises(UserError, match="holds no alphas"):
        cell_shares(run)
    record(run, 1, FIRST[:3])
    record(run, 2, LAST)
    with pytest.raises(UserError, match="do not fit its spec"):
        cell_shares(run)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"epoch": 1, "alphas": {}}, "lacks the cell 'pair'"),
        ({"epoch": 1, "alphas": {"pair": [["a"]]}}, "is damaged"),
        ({"epoch": 1, "alphas": {"pair": [[float("nan"), 0.0]]}}, "is damaged"),
        ({"epoch": 1}, "is damaged"),
    ],
)
def test_a_row_that_is_damaged(run: RunFolder, row: dict[str, object], words: str) -> None:
    run.record({"epoch": 1}, {ALPHAS: row})
    with pytest.raises(UserError, match=words):
        cell_shares(run)
