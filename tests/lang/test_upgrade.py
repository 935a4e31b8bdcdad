"""`dartsl fmt --upgrade`: a file of darts 1 as one of darts 2, with the same meaning, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import dartsl
from dartsl.graph.build import build
from dartsl.graph.operations import info
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.syntax.loader import PRELUDES, read, read_file
from dartsl.lang.syntax.resources import shipped_specs
from dartsl.lang.upgrade import upgraded
from dartsl.nn.text import TextOutput
from tests.conftest import Golden

OLD = [name for name in shipped_specs() if read(name).version == 1 and name not in PRELUDES.values()]
FOLDER = Path(__file__).parent / "upgrade"


def newer(name: str) -> Source:
    text = upgraded(read(name))
    assert text.count("\ndarts 2\n") + text.startswith("darts 2\n") == 1
    return Source(f"{name}.darts", text)


FEW = ("nasbench201", "text", "std/cells", "std/rnn", "zoo/darts_v2", "zoo/rnn_v2")


@pytest.mark.parametrize(
    "name", [name if name in FEW else pytest.param(name, marks=pytest.mark.slow) for name in OLD]
)
def test_a_shipped_spec_means_the_same(name: str) -> None:
    old, new = check(read(name)), check(newer(name))
    assert (new.cells, new.networks, new.choices) == (old.cells, old.networks, old.choices)
    assert [(each.code, each.title) for each in new.warnings] == [(w.code, w.title) for w in old.warnings]
    assert dartsl.info(new, memory="none") == dartsl.info(old, memory="none")
    for each in old.networks:
        newer_graph, graph = (build(plan(spec, spec.networks[each], {})) for spec in (new, old))
        assert list(newer_graph.nodes(data="op")) == list(graph.nodes(data="op"))
        assert info(newer_graph) == info(graph)


CELL = """darts 1

ops mine = relu | tanh

cell c {
  input  a, b
  node   n1, n0 : sum  # declared counting down
  node   m      : concat
  edge   SOURCES -> n1, n0 : mine
  edge   INTO -> m : ROW
  output OUTPUT
}
"""


def cell_of(sources: str = "a, b", into: str = "n1, n0", row: str = "relu", output: str = "m") -> Source:
    text = CELL.replace("SOURCES", sources).replace("INTO", into).replace("ROW", row)
    return Source("x", text.replace("OUTPUT", output))


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (cell_of(sources="b, a"), "edge   a, b   -> n1, n0 : mine"),
        (cell_of(output="concat(n0..n1, m)"), "output concat(n0, n1, m)"),
        (cell_of(output="concat(n1, n0, m)"), "output concat(n1, n0, m)"),
        (
            cell_of(into="n0, n1"),
            "edge   n0, n1 -> m      : relu",
        ),  # no rows, and the merge heeds what is written
        (cell_of(into="n1, n0", row="mine"), "edge   n1, n0 -> m      : mine"),
    ],
)
def test_lists_are_written_as_they_are_meant(given: Source, line: str) -> None:
    text = upgraded(given)
    assert f"  {line}\n" in text
    assert "node   n1, n0 : sum  # declared counting down\n" in text
    old, new = check(given).cells["c"], check(Source("x", text)).cells["c"]
    rows = [[(edge.source, edge.target) for edge in cell.searched_edges] for cell in (old, new)]
    assert rows[0] == rows[1]
    merged = [[edge.source for edge in cell.incoming("m")] for cell in (old, new)]
    assert merged[0] == merged[1]
    assert new.outputs == old.outputs


@pytest.mark.parametrize("header", ["cell c {", "cell c(mine) {"])
def test_rows_that_no_list_can_keep_are_refused(header: str) -> None:
    """Into a `concat`, n0 before n1, though the rows of alphas stand the other way round."""
    text = cell_of(into="n0, n1", row="mine").text.replace("cell c {", header)
    text = text if header == "cell c {" else text.replace("ops mine = relu | tanh\n", "")
    with pytest.raises(UserError, match="the cell `c` would have another order in `darts 2`"):
        upgraded(Source("x", text))


SCAN = """darts 1

cell step {
  input  x, h
  node   n : sum
  node   m : sum
  edge   x, h -> n : identity
  edge   WHERE -> m : linear > tanh
  output m
}

network net(H = 4, vocab = 9) {
  input tokens(5)
  stem  embedding(vocab, out = H)
  stage scan(step, carry = "h"DROPOUT) width H
  head  linear(vocab)
}
"""


@pytest.mark.parametrize("where", ["x, n", "n"])
def test_dropouts_that_would_act_in_more_places_are_refused(where: str) -> None:
    text = SCAN.replace("WHERE", where)
    assert upgraded(Source("x", text.replace("DROPOUT", ""))).startswith("darts 2\n")
    with pytest.raises(
        UserError, match="would mean something else in `darts 2`: there the dropouts of `scan"
    ):
        upgraded(Source("x", text.replace("DROPOUT", ", dropout_h = 0.5")))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sizes"), [("nasbench201", {"C": 2, "n": 1}), ("text", {"H": 4, "vocab": 9})]
)
def test_an_upgraded_network_computes_the_same(name: str, sizes: dict[str, int]) -> None:
    old, new = (dartsl.compile(spec, parameters=sizes, level=2, seed=3) for spec in (read(name), newer(name)))
    given = torch.rand(2, 3, 32, 32) if name == "nasbench201" else torch.randint(9, (5, 2))
    with torch.no_grad():
        assert torch.equal(_values(old(given)), _values(new(given)))


def _values(given: torch.Tensor | TextOutput) -> torch.Tensor:
    found = given.logits if isinstance(given, TextOutput) else given
    assert found.abs().sum() > 0
    return found


def test_comments_and_layout_are_those_of_fmt() -> None:
    text = '# mine\n\ndarts 1   # first\nimport "std/cnn"\nop f=relu>bn # a chain\n'
    assert upgraded(Source("x", text)) == dartsl.fmt(Source("x", text)).replace("darts 1", "darts 2")
    again = upgraded(Source("x", text))
    assert upgraded(Source("x", again)) == again


def test_what_is_wrong_in_both_versions_stays() -> None:
    assert upgraded(Source("x", "darts 1\nop f = sep_convv(3)\n")) == "darts 2\n\nop f = sep_convv(3)\n"
    with pytest.raises(SpecError, match="E0100"):
        upgraded(Source("x", "darts 1\nop f = (relu\n"))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.darts")), ids=lambda path: path.stem)
def test_a_file_that_darts_2_refuses(path: Path, golden: Golden) -> None:
    with pytest.raises(SpecError) as caught:
        upgraded(read_file(path, path.name))
    golden(path.with_suffix(".txt"), f"{caught.value}\n")
