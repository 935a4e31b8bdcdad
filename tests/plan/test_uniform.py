"""Decided cells are drawn evenly among all that `info` counts: exact odds, by all ways that a draw may go."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from random import Random

import pytest

from dartsl.graph.count import space_size
from dartsl.graph.tables import LEFT_OUT
from dartsl.graph.uniform import drawn_columns, drawn_rows
from dartsl.lang.check.model import Cell
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source

CELL = """darts 1
import "std/cnn"
cell only {
  input  c0, c1
  node   n0, n1 : %s
  edge   c0 -> n0, n1 : none | skip_connect | relu
  edge   c1 -> n0, n1 : %s
  edge   n0 -> n1 : skip_connect | none | relu | sigmoid
  output concat(n0, n1)
}
network tiny(C = 2) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage only width C
  head  global_avg_pool > linear(3)
}
"""


def cell_of(nodes: str, fixed: str = "skip_connect") -> Cell:
    return check(Source("cell.darts", CELL % (nodes, fixed))).cells["only"]


class Way(Random):
    """Answers of a generator that are given, and the odds that it gives them; what is asked beyond them is 0."""

    def __init__(self, answers: list[int]) -> None:
        super().__init__(0)
        self.answers, self.asked = answers, list[int]()
        self.odds = Fraction(1)

    def randrange(self, count: int) -> int:  # type: ignore[override]
        self.odds /= count
        self.asked.append(count)
        place = len(self.asked) - 1
        return self.answers[place] if place < len(self.answers) else 0


def odds(cell: Cell) -> Counter[tuple[int, ...]]:
    """Of all that may be drawn, how likely it is."""
    found: Counter[tuple[int, ...]] = Counter()
    answers: list[int] = []
    while True:
        way = Way(answers)
        found[tuple(drawn_columns(cell, way))] += way.odds  # type: ignore[assignment]
        answers = [*answers, *[0] * (len(way.asked) - len(answers))]
        while answers and answers[-1] + 1 == way.asked[len(answers) - 1]:
            answers.pop()
        if not answers:
            return found
        answers[-1] += 1


@pytest.mark.parametrize(
    ("nodes", "fixed"),
    [
        ("sum keep 2", "skip_connect"),
        ("sum keep 1", "skip_connect | relu | sigmoid"),
        ("sum", "skip_connect | relu"),
    ],
)
def test_all_are_equally_likely(nodes: str, fixed: str) -> None:
    cell = cell_of(nodes, fixed)
    found = odds(cell)
    assert len(found) == space_size([cell])
    assert set(found.values()) == {Fraction(1, len(found))}
    if "keep" in nodes:
        assert all(sum(column != LEFT_OUT for column in columns) == 2 * int(nodes[-1]) for columns in found)


def test_rows_are_the_searched_edges() -> None:
    cell = cell_of("sum keep 1")
    columns, rows = drawn_columns(cell, Random(3)), drawn_rows(cell, Random(3))
    assert rows == [column for edge, column in zip(cell.edges, columns, strict=True) if edge.searched]
    assert len(rows) == 3
