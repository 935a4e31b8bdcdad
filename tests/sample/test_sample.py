"""Random architectures: each of a space, as likely as any other, decided, and written as found ones are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

import dartsl
from dartsl.cli import cli
from dartsl.graph.count import space_size
from dartsl.lang.check.model import Cell, Spec
from dartsl.lang.codes.source import Source
from dartsl.searching.sampling import drawn_cell

BODY = """
network tiny(C = 2) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage one > two/2 width C
  head  global_avg_pool > linear(3)
}
"""
SPACE = """darts 1
import "std/cnn"
cell one {
  input  a : preprocess
  node   m, n : sum keep 1
  edge   a -> m : none | skip_connect | sep_conv_3x3
  edge   a, m -> n : skip_connect | max_pool_3x3 | none
  output concat(m, n)
}
cell two {
  input  a : preprocess
  node   m : sum
  edge   a -> m : skip_connect | none | avg_pool_3x3
  edge   a -> m : skip_connect
  output m
}
"""
KEPT = """darts 1
import "std/cnn"
cell one {
  input  a, b : preprocess
  node   m : sum keep 2
  edge   a -> m : skip_connect
  edge   b -> m : none | skip_connect | sep_conv_3x3 | dil_conv_3x3
  edge   a -> m : none | max_pool_3x3
  output m
}
"""


def spec_of(text: str) -> Spec:
    return dartsl.check(Source("space.darts", text))


def every_choice(cell: Cell) -> Iterator[tuple[object, ...]]:
    """All decided cells, node by node: naively, from the rules in the reference."""
    per_node = []
    for node in cell.nodes:
        edges = [edge for edge in cell.edges if edge.target == node.name]
        if node.keep is None:
            ways = list(
                product(*([(edge.source, edge.twin, c.label) for c in edge.candidates] for edge in edges))
            )
            ways = [tuple(each for each in way if each[2] != "none") or ("nothing",) for way in ways]
        else:
            ways = [
                way
                for some in combinations(edges, node.keep)
                for way in product(
                    *(
                        [(edge.source, edge.twin, c.label) for c in edge.candidates if c.label != "none"]
                        for edge in some
                    )
                )
            ]
        per_node.append(ways)
    return product(*per_node)  # type: ignore[return-value]


def read(drawn: Cell, random: Random) -> tuple[object, ...]:
    found = drawn_cell(drawn, random)
    return tuple(
        tuple(
            (kept.edge.source, kept.edge.twin, kept.candidate.label)
            for kept in found.edges
            if kept.edge.target == node.name and not kept.candidate.is_none
        )
        or ("nothing",)
        for node in drawn.nodes
    )


@pytest.mark.parametrize(("text", "name"), [(SPACE, "one"), (SPACE, "two"), (KEPT, "one")])
def test_every_cell_is_as_likely_as_any_other(text: str, name: str) -> None:
    cell = spec_of(text).cells[name]
    ways = Counter(every_choice(cell))  # some choices are one cell: `none` into a node, in different places
    assert sum(ways.values()) == space_size([cell])
    random, draws = Random(0), 300 * len(ways)
    counts = Counter(read(cell, random) for _ in range(draws))
    assert counts.keys() == ways.keys()
    expected = {way: draws * number / sum(ways.values()) for way, number in ways.items()}
    statistic = sum((counts[way] - expected[way]) ** 2 / expected[way] for way in ways)
    assert statistic < 2.5 * len(ways)  # chi-squared, far in its tail


def test_texts_are_decided_formatted_and_themselves() -> None:
    drawn = dartsl.sample(Source("space.darts", SPACE + BODY), seed=3, count=4, parameters={"C": 4})
    for number, text in enumerate(drawn):
        found = dartsl.check(Source("drawn.darts", text))
        assert dartsl.fmt(Source("drawn.darts", text)) == text
        assert not any(cell.searched_edges for cell in found.cells.values())
        assert dartsl.info(found, memory="none").space_size == 1
        assert "C = 4" in text
        assert f"seed 3, number {number}." in text
    assert (
        dartsl.sample(Source("space.darts", SPACE + BODY), seed=3, count=2, parameters={"C": 4}) == drawn[:2]
    )
    assert dartsl.sample(Source("space.darts", SPACE + BODY), seed=4, count=4, parameters={"C": 4}) != drawn


@pytest.mark.parametrize("name", ["darts_cnn", "nasbench201", "robust_s2", "text", "zoo/darts_v2"])
def test_shipped_spaces(name: str) -> None:
    (text,) = dartsl.sample(name)
    found = dartsl.check(Source("drawn.darts", text))
    assert not any(cell.searched_edges for cell in found.cells.values())
    if name == "zoo/darts_v2":  # nothing to choose: it is itself
        assert dartsl.diff(found, name).equal


TWINS = """darts 1
import "std/cnn"
cell one {
  input  a : preprocess
  node   m, n : sum
  edge   a -> m, n : skip_connect | max_pool_3x3
  output concat(m, n)
}
cell two = one
"""


def test_unique_ones_are_all_that_there_are() -> None:
    space = Source("space.darts", TWINS + BODY)
    assert dartsl.info(space, memory="none").space_size == 16
    drawn = dartsl.sample(space, count=9, unique=True)
    assert [text.count("number") for text in drawn] == [1] * 9
    assert "number 8." in drawn[8]
    pairs = [(first, second) for first, second in combinations(drawn, 2)]
    for first, second in pairs:
        assert not dartsl.diff(Source("a", first), Source("b", second), isomorphic=True).equal
    with pytest.raises(dartsl.UserError, match=r"once 9 architectures were found, .* none") as fault:
        dartsl.sample(space, count=10, unique=True)
    assert "16 architectures with isomorphic ones: ask for at most 9" in str(fault.value.help)
    with pytest.raises(dartsl.UserError, match="16 architectures: 17 different ones"):
        dartsl.sample(space, count=17, unique=True)


def test_cells_within_cells_count_where_they_stand() -> None:
    """Three architectures with the inner cell, and one without it, whatever was drawn there."""
    cells = """darts 2
import "std/cnn"
cell inner {
  input  x
  node   n : sum
  edge   x -> n : conv(1)/stride | conv(3)/stride | conv(5)/stride
  output n
}
cell one {
  input  x
  node   y : sum
  edge   x -> y : inner | max_pool_3x3
  output y
}
"""
    space = Source("space.darts", cells + BODY.replace("one > two/2", "one/2"))
    drawn = dartsl.sample(space, count=4, unique=True)
    assert sorted(text.count("cell inner {") for text in drawn) == [0, 1, 1, 1]
    with pytest.raises(dartsl.UserError, match="once 4 architectures were found"):
        dartsl.sample(space, count=5, unique=True)


def test_command_writes_a_folder_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("space.darts").write_text(SPACE + BODY)
    run = CliRunner().invoke(cli, ["sample", "space.darts", "--count", "2", "-o", "some/cells"])
    assert run.exit_code == 0
    assert run.stderr == "wrote some/cells/0.darts and 1 more\n"
    assert sorted(path.name for path in Path("some/cells").iterdir()) == ["0.darts", "1.darts"]
    again = CliRunner().invoke(cli, ["sample", "space.darts", "-o", "some/cells"])
    assert again.exit_code == 1
    assert "some/cells exists and is not empty" in again.stderr
    many = CliRunner().invoke(cli, ["sample", "space.darts", "--count", "99", "--unique", "-o", "others"])
    assert many.exit_code == 2
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "0.darts",
        "1.darts",
        "cells",
        "some",
        "space.darts",
    ]
