"""Found files: decided specs that stand alone, say where they come from, and print as they were written."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import pytest

from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check, pick_network
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.loader import read
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.printer import print_file
from dartsl.searching.derive import Provenance, derive, found_text
from dartsl.searching.emit import names_text
from dartsl.searching.readouts import Reading, Table
from dartsl.searching.rules import Rule

WHENCE = Provenance("0.1.0", "tiny.darts", "ab" * 32, seed=3, epoch=12, command="dartsl search tiny.darts")

NETWORK = """
network net(C = 4, n = 1) {
  input image(3, 8, 8)
  stem  conv(3, out = C) > bn
  stage CELL*n width C
  head  global_avg_pool > linear(2)
}
"""


def flat_weights(spec: Spec, cells: tuple[str, ...], best: int) -> dict[str, list[list[float]]]:
    """Every row the same shape: candidate `best` (or the last) wins."""
    tables = {}
    for name in cells:
        sizes = [len(edge.candidates) for edge in spec.cells[name].searched_edges]
        tables[name] = [[0.6 if i == min(best, n - 1) else 0.4 / (n - 1) for i in range(n)] for n in sizes]
    return tables


def said(weights: Mapping[str, Table]) -> dict[str, Reading]:
    return {cell: Reading(table) for cell, table in weights.items()}


def emit(
    source: Source, best: int, parameters: Mapping[str, Fraction] | None = None, rule: str = "connected"
) -> str:
    """The found file when candidate `best` wins everywhere, checked for what holds of all found files."""
    spec = check(source)
    network = pick_network(spec, None)
    weights = flat_weights(spec, network.cells, best)
    used = parameters if parameters is not None else {"C": Fraction(4), "n": Fraction(1)}
    text = found_text(spec, network, used, said(weights), WHENCE, Rule(rule))
    assert print_file(parse(Source("again", text))) == text
    found = check(Source("found.darts", text))
    assert found.decided(found.networks[network.name])
    # What is not kept may be all that fed a node; into a `concat` any width goes.
    allowed = {"W0303", "W0502", *(["W0510"] if rule == "argmax" else [])}
    assert {fault.code for fault in found.warnings} <= allowed
    for name in network.cells:
        derived = derive(spec.cells[name], weights[name])
        kept = [(k.edge.source, k.edge.target, k.candidate.label) for k in derived.edges]
        assert [(e.source, e.target, e.candidates[0].label) for e in found.cells[name].edges] == kept
        assert found.cells[name].output == spec.cells[name].output
        assert found.cells[name].inputs == spec.cells[name].inputs
    return text


def spec_text(cell: str, name: str = "block", head: str = "") -> Source:
    return Source(
        "test.darts", f'darts 1\n\nimport "std/cnn"\n{head}\n{cell}\n{NETWORK.replace("CELL", name)}'
    )


def test_a_found_file_of_two_cells(tiny: Path) -> None:
    text = emit(read(str(tiny)), best=2, parameters={"C": Fraction(6)})
    lines = text.splitlines()
    assert lines[:4] == [
        "# Found by dartsl 0.1.0, seed 3, epoch 12.",
        "# source   tiny.darts",
        f"# sha256   {'ab' * 32}",
        "# command  dartsl search tiny.darts",
    ]
    assert "darts 1" in lines
    assert 'import "std/cnn"' in lines
    assert "./parts" not in text  # what it defines is written out, and only what is used
    assert "op narrow(k, r = 2)" in text
    assert "unused" not in text
    assert "ops " not in text
    assert "search {" not in text
    assert "train {\n  epochs = 7\n}" in text
    assert "network tiny(C = 6)" in text
    assert text.count("cell ") == 2
    assert "cell reduction {" in text
    edges = [line for line in lines if line.startswith("  edge")]
    assert len(edges) == 4
    assert all(line.endswith("# 0.60") for line in edges)


def test_nas_bench_201_drops_what_none_wins_and_keeps_zero_nodes() -> None:
    source = spec_text(
        "cell block {\n  input x\n  node n1..n3 : sum\n  edge all -> n1..n3 : nb\n  output n3\n}",
        head="op nor_conv(k) = relu > conv(k)/stride > bn\nops nb = none | identity | nor_conv(3)",
    )
    text = emit(source, best=0, rule="argmax")
    assert [line.split("#")[0].split() for line in text.splitlines() if "edge" in line] == [
        ["edge", "x", "->", f"n{i}", ":", "none"] for i in (1, 2, 3)
    ]
    assert "nor_conv" not in text
    assert len([line for line in emit(source, best=2).splitlines() if "edge" in line]) == 6


@pytest.mark.parametrize(
    "cell",
    [
        # twins, one of them without a choice, and a node whose merge is no sum
        """cell block {
          input a, b
          node p : sum keep 2
          node q : concat
          edge a -> p : identity | relu
          edge a -> p : identity | relu
          edge b -> p : sep_conv(3)
          edge p -> q : conv(1, out = C/2) | relu > conv(1, out = C/2)
          edge b -> q : conv(1, out = C/2) > bn
          output q
        }""",
        # batch norm after merges, an input of its own operation, a mean of nodes
        """cell block {
          input a : relu_conv_bn(1)
          input b
          node p, r : sum > mix_bn keep 1
          node q : sum > mix_bn
          edge a, b -> p, q, r : identity | sep_conv_3x3
          output mean(p, q, r) > mix_bn
        }""",
    ],
)
@pytest.mark.parametrize("best", [0, 1])
def test_cells_of_every_kind_round_trip(cell: str, best: int) -> None:
    emit(spec_text(cell), best)


def test_a_cell_with_candidates_left_open_is_printed_whole() -> None:
    source = Source(
        "test.darts",
        'darts 1\n\nimport "std/cells"\n\nops mine = identity | sep_conv_3x3\n\ncell block = dag(mine)\n'
        + NETWORK.replace("CELL", "block"),
    )
    text = emit(source, best=1)
    assert 'import "std/cells"' in text
    assert "node   n0..n3 : sum\n" in text
    assert text.count("sep_conv_3x3  # 0.60") == 8


def test_a_fraction_as_a_parameter(tiny: Path) -> None:
    text = tiny.read_text().replace("C = 2)", "C = 2, w = 1/2)").replace("width C\n", "width 2*w*C\n")
    tiny.write_text(text)
    found = emit(read(str(tiny)), best=1, parameters={"C": Fraction(2), "w": Fraction(1, 2)})
    assert "network tiny(C = 2, w = 1/2)" in found


def test_line_ends_in_a_command_cannot_end_its_comment(tiny: Path) -> None:
    spec = check(read(str(tiny)))
    network = pick_network(spec, None)
    weights = flat_weights(spec, network.cells, 1)
    whence = Provenance("0.1.0", "t\x1b[31m.darts", "0" * 64, 0, 1, "dartsl search 'a\nop evil = relu'")
    text = found_text(spec, network, {"C": Fraction(2)}, said(weights), whence)
    assert "evil" not in check(Source("found.darts", text)).operations
    assert "# source   t\\x1b[31m.darts\n" in text  # nor can a name steer the terminal that shows it


def test_names_that_count_up_become_a_range() -> None:
    assert names_text(["n0", "n1", "n2", "n3"]) == "n0..n3"
    assert names_text(["c0", "c1"]) == "c0, c1"
    assert names_text(["n1", "n2", "n4"]) == "n1, n2, n4"
    assert names_text(["a", "b", "c"]) == "a, b, c"
    assert names_text(["n08", "n09", "n10"]) == "n08, n09, n10"
    assert names_text(["p2", "p3", "q4"]) == "p2, p3, q4"


def test_a_recurrent_cell_is_written_whole_and_keeps_one_edge_a_node() -> None:
    """`none` never wins, whatever it weighs: the next best candidate of the strongest edge does."""
    text = emit(read("darts_rnn"), 0, {"H": Fraction(8), "vocab": Fraction(30), "dropout_e": Fraction(0)})
    assert 'import "std/rnn"' in text
    assert "network ptb(H = 8, vocab = 30, dropout_e = 0) {\n  input tokens(35)\n" in text
    assert "  node   s0     : highway > mix_bn\n" in text
    assert 'scan(recurrent, carry = "h", dropout_x = 0.75, dropout_h = 0.25) width H' in text
    drawn = [line.split() for line in text.splitlines() if line.startswith("  edge")]
    assert [line[1] for line in drawn] == ["x", "h", *["s0"] * 8]
    assert [line[3] for line in drawn] == ["s0", "s0", *(f"s{node}" for node in range(1, 9))]
    assert {line[5] for line in drawn[2:]} == {"gate(tanh)"}
    assert "none" not in text
