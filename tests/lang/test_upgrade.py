"""`dartsl fmt --upgrade`: a file of darts 1 as one of darts 2, with the same meaning, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
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
        (cell_of(output="concat(n0..n1) > mix_bn"), "output concat(n0, n1) > mix_bn"),
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


def test_an_open_cell_is_written_as_it_is_meant() -> None:
    text = cell_of(output="concat(n0..n1, m) > mix_bn").text.replace("cell c {", "cell c(mine) {")
    text = upgraded(Source("x", text.replace("ops mine = relu | tanh\n", "")))
    assert "  output concat(n0, n1, m) > mix_bn\n" in text


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


SAME = "identity"
MEANS_MORE = "would mean something else in `darts 2`: there the dropouts of `scan"


def scan_of(n: str, to_n: str, to_m: str, dropouts: str) -> Source:
    """A cell of x and h with a node n that they lead to, and m behind it; edges of m are the lines of `to_m`."""
    text = SCAN.replace("DROPOUT", f", {dropouts}").replace("node   n : sum", f"node   n : {n}")
    text = text.replace("edge   x, h -> n : identity", f"edge   x, h -> n : {to_n}")
    return Source("x", text.replace("edge   WHERE -> m : linear > tanh", to_m))


BOTH = "dropout_x = 0.5, dropout_h = 0.5"


@pytest.mark.parametrize("dropouts", ["dropout_x = 0.5", "dropout_h = 0.5", BOTH, "dropout_h = 0"])
@pytest.mark.parametrize(
    ("n", "to_n", "to_m"),
    [
        ("sum", SAME, "edge x, n -> m : linear > tanh"),
        ("sum", SAME, "edge n -> m : linear > tanh"),  # what is computed from both is not dropped
        ("product", SAME, "edge n -> m : linear"),
        ("concat", SAME, "edge n -> m : linear"),
        ("concat", SAME, "edge n -> m : relu > linear"),
        ("concat", "relu", "edge n -> m : linear\n edge h -> m : identity"),
        ("sum", SAME, "edge n -> m : identity\n edge h -> m : tanh > linear"),
        ("sum", SAME, "edge n -> m : identity\n edge h -> m : identity > linear"),
        ("sum", SAME, "edge n -> m : identity\n edge x -> m : sum(identity) > linear"),
        ("sum", SAME, "edge n -> m : identity\n edge x -> m : sum(identity, identity) > linear"),
        ("sum", SAME, "edge n -> m : identity\n edge x -> m : concat(tanh, identity) > linear"),
        ("sum", SAME, 'edge n -> m : identity\n edge x -> m : linear(share = "target")'),
    ],
)
def test_dropouts_that_would_act_in_more_places_are_refused(
    n: str, to_n: str, to_m: str, dropouts: str
) -> None:
    """Those are refused, and no others, whose operation graph would be another one."""
    old = scan_of(n, to_n, to_m, dropouts)
    new = Source("x", old.text.replace("darts 1", "darts 2"))
    graphs = [build(plan(spec, spec.networks["net"], {})) for spec in map(check, (old, new))]
    if dict(graphs[0].nodes(data="op")) == dict(graphs[1].nodes(data="op")):
        assert upgraded(old).startswith("darts 2\n")
    else:
        with pytest.raises(UserError, match=MEANS_MORE):
            upgraded(old)


@pytest.mark.parametrize(
    ("n", "to_n", "refused"),
    [
        ("sum keep 1", "identity | tanh", True),
        ("sum", "identity | none", True),
        ("sum", "identity | tanh", False),
        ("sum keep 1", "relu | tanh", False),
    ],
)
def test_dropouts_that_would_act_in_what_a_search_may_find(n: str, to_n: str, refused: bool) -> None:
    """The element may be alone in n once edges are left out."""
    old = scan_of(n, to_n, "edge n -> m : linear", BOTH)
    if refused:
        with pytest.raises(UserError, match=MEANS_MORE):
            upgraded(old)
    else:
        assert upgraded(old).startswith("darts 2\n")


@pytest.mark.parametrize("dropouts", ["dropout_h = p", "dropout_x = 0, dropout_h = p + 0"])
def test_dropouts_that_a_parameter_may_give_are_refused(dropouts: str) -> None:
    """They are 0 as the file stands; `--set p=0.5` changes what is computed."""
    old = scan_of("concat", SAME, "edge n -> m : linear", dropouts)
    with pytest.raises(UserError, match=MEANS_MORE):
        upgraded(Source("x", old.text.replace("vocab = 9)", "vocab = 9, p = 0)")))


def test_a_scan_of_an_imported_file_keeps_its_version(tmp_path: Path) -> None:
    (tmp_path / "old.darts").write_text(scan_of("concat", SAME, "edge n -> m : linear", BOTH).text)
    root = tmp_path / "root.darts"
    root.write_text('darts 1\nimport "./old"\n')
    assert upgraded(read_file(root, "root.darts")) == 'darts 2\n\nimport "./old"\n'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sizes"), [("nasbench201", {"C": 2, "n": 1}), ("text", {"H": 4, "vocab": 9})]
)
def test_an_upgraded_network_computes_the_same(name: str, sizes: dict[str, int]) -> None:
    old, new = (dartsl.compile(spec, parameters=sizes, level=2, seed=3) for spec in (read(name), newer(name)))
    given = torch.rand(2, 3, 32, 32) if name == "nasbench201" else torch.randint(9, (5, 2))
    with torch.no_grad():
        assert torch.equal(_values(old(given)), _values(new(given)))


@pytest.mark.parametrize(("name", "sizes"), [("nasbench201", {"C": 2, "n": 1}), ("text", {"H": 4})])
def test_an_upgraded_spec_is_searched_to_the_same_numbers(
    name: str, sizes: dict[str, int], tmp_path: Path
) -> None:
    if name == "nasbench201":
        images, labels = (
            np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8),
            np.arange(12) % 10,
        )
        np.savez(tmp_path / "few.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    else:
        (tmp_path / "few").mkdir()
        for part in ("train", "valid", "test"):
            (tmp_path / "few" / f"{part}.txt").write_text("the cat sat on a red mat\n" * 8)
    given = {
        "data": next(tmp_path.glob("few*")),
        "epochs": 1,
        "batch": 3,
        "optimise": 0,
        "quiet": True,
        "parameters": sizes,
    }
    old, new = (
        dartsl.search(check(spec), tmp_path / version, **given)  # type: ignore[arg-type]
        for version, spec in (("1", read(name)), ("2", newer(name)))
    )
    assert old.alphas() == new.alphas()
    losses = [{key: value for key, value in run.history[-1].items() if "loss" in key} for run in (old, new)]
    assert losses[0] == losses[1]
    assert losses[0]
    lines = [[line for line in (run.found or "").splitlines() if line[:1] != "#"] for run in (old, new)]
    assert lines[0][1:] == lines[1][1:]
    assert lines[0][0] == "darts 1"


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
