"""info, draw, diff, compile."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any

import pytest

from dartsl.graph.passes import passes_of
from dartsl.graph.render import render
from dartsl.graph.target import TARGETS

from .conftest import GOOD, Dartsl, result_of


def test_info_hits_the_published_numbers(dartsl: Dartsl) -> None:
    found = result_of(dartsl("info", "zoo/darts_v2", "--format", "json"))
    assert found["parameters"] == 3_349_342
    assert found["multiply_adds"] == 528_359_040
    assert found["space_size"] == 1
    assert {"parameters", "multiply_adds", "space_size", "memory_bytes", "cells"} <= set(found)


def test_info_of_the_search_space(dartsl: Dartsl) -> None:
    found = result_of(dartsl("info", "darts_cnn", "--format", "json", "--batch", "2", "--order", "1"))
    assert found["parameters"] == 1_930_618
    assert found["multiply_adds"] == 300_255_744
    assert found["space_size"] == 1_037_664_180**2
    assert found["memory_bytes"] > 4 * found["parameters"]
    assert (found["batch"], found["order"]) == (2, "1")
    cell = found["cells"][0]
    assert {name: cell[name] for name in ("edges", "searched_edges", "candidates")} == {
        "edges": 14,
        "searched_edges": 14,
        "candidates": 112,
    }


def test_info_as_text(dartsl: Dartsl, good: Path) -> None:
    text = dartsl("info", "good.darts", "--set", "C=8", "--order", "2").stdout
    assert "network small(C = 8, n = 1), 3 layers" in text
    assert "per step (batch 8, order 2)" in text
    assert "multiply-adds  " in text
    assert " per image\n" in text
    assert (
        "per step (batch 1, order 1)" in dartsl("info", "good.darts", "--batch", "1", "--order", "1").stdout
    )
    assert "searched edges 2, candidates 4" in text


def test_info_of_a_spec_without_a_network(dartsl: Dartsl, tmp_path: Path) -> None:
    (tmp_path / "cell.darts").write_text(GOOD[: GOOD.index("network")])
    found = result_of(dartsl("info", "cell.darts", "--format", "json"))
    assert found["network"] is found["parameters"] is found["memory_bytes"] is None
    assert found["space_size"] == 4
    assert dartsl("info", "cell.darts").stdout.startswith("cell pair\n")
    assert dartsl("info", "cell.darts", "--set", "C=8").exit_code == 2
    assert "it has none" in dartsl("info", "cell.darts", "--network", "small").stderr


EXTERN = GOOD.replace("cell pair", "extern op mine(k)\n\ncell pair").replace("max_pool_3x3", "mine(3)")

PLUGIN = """
from torch import nn

def mine(in_channels, out_channels, stride, affine, k):
    return nn.Conv2d(in_channels, out_channels, k, stride=stride, padding=k // 2)
"""


def test_an_extern_op_needs_its_python(dartsl: Dartsl, tmp_path: Path) -> None:
    (tmp_path / "own.darts").write_text(EXTERN)
    (tmp_path / "mine.py").write_text(PLUGIN)
    assert "--plugin" in dartsl("info", "own.darts").stdout
    with_plugin = dartsl("info", "own.darts", "--plugin", "mine.py", "--format", "json")
    assert result_of(with_plugin)["memory_bytes"] > 0
    without = dartsl("compile", "own.darts")
    assert without.exit_code == 1
    assert "E0411" in without.stderr
    assert "mine" in dartsl("compile", "own.darts", "--plugin", "mine.py").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--set", "D=8"), 2, "no parameter `D`"),
        (("--set", "C=wide"), 2, "`wide` is not a value"),
        (("--set", "C=1e999999999"), 2, "`1e999999999` is not a value"),  # nobody could wait for its digits
        (("--set", "C"), 2, "not an assignment"),
        (("--network", "large"), 2, "large"),
        (("--batch", "0"), 2, "--batch"),
        (("--batch", "99999999999999999999"), 1, "more memory than can be counted"),
        (("--plugin", "nowhere.py"), 2, "nowhere.py"),
    ],
)
def test_info_refuses(dartsl: Dartsl, good: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    result = dartsl("info", "good.darts", *arguments)
    assert result.exit_code == code
    assert words in result.stderr


# ------------------------------------------------------------------------ draw


def test_draw_to_stdout_and_into_files(dartsl: Dartsl, good: Path, tmp_path: Path) -> None:
    text = dartsl("draw", "good.darts").stdout
    assert text.startswith("digraph")
    assert dartsl("draw", "good.darts", "-o", "cell.svg").exit_code == 0
    assert b"<svg" in (tmp_path / "cell.svg").read_bytes()
    assert (tmp_path / "cell.dot").read_text() == text
    assert dartsl("draw", "good.darts", "-o", "other.dot").exit_code == 0
    assert (tmp_path / "other.dot").read_text() == text


def test_draw_one_cell(dartsl: Dartsl) -> None:
    both, one = dartsl("draw", "darts_cnn").stdout, dartsl("draw", "darts_cnn", "--cell", "normal").stdout
    assert (both.count("subgraph cluster"), one.count("subgraph cluster")) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-o", "cell.gif"), "ends in none of"),
        (("--cell", "odd"), "there is no cell `odd`"),
        (("--epoch", "1"), "only a run has epochs"),
    ],
)
def test_draw_refuses(dartsl: Dartsl, good: Path, arguments: tuple[str, ...], words: str) -> None:
    result = dartsl("draw", "good.darts", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_draw_of_a_folder_that_is_no_run(dartsl: Dartsl, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = dartsl("draw", "empty")
    assert result.exit_code == 1
    assert "not a run folder" in result.stderr


def test_draw_keeps_the_dot_where_nothing_can_render(
    dartsl: Dartsl, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dartsl.graph.render.programs", lambda: iter(()))
    result = dartsl("draw", "good.darts", "-o", "cell.png")
    assert result.exit_code == 1
    assert "pip install graphviz-pure" in result.stderr
    assert (tmp_path / "cell.dot").exists()
    assert not (tmp_path / "cell.png").exists()


# ------------------------------------------------------------------------ diff


def changed(tmp_path: Path, old: str, new: str) -> str:
    assert old in GOOD
    (tmp_path / "other.darts").write_text(GOOD.replace(old, new))
    return "other.darts"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cell pair", "# a comment\ncell pair"),
        ("sep_conv(3) | skip_connect", "sep_conv(k = 3) | skip_connect"),
        ("sep_conv(3) | skip_connect", "skip_connect | sep_conv(3)"),
        (
            "  edge   a -> p : sep_conv(3) | skip_connect\n  edge   b -> p : skip_connect\n",
            "  edge   b -> p : skip_connect\n  edge   a -> p : sep_conv(3) | skip_connect\n",
        ),
    ],
)
def test_diff_of_what_means_the_same(dartsl: Dartsl, good: Path, tmp_path: Path, old: str, new: str) -> None:
    result = dartsl("diff", "good.darts", changed(tmp_path, old, new))
    assert result.stdout == "cell pair: the same\n"
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (
            "b -> p : skip_connect",
            "b -> p : sep_conv(5)",
            ["- edge b -> p : skip_connect", "+ edge b -> p : sep_conv(5)"],
        ),
        (
            "  edge   b -> p",
            "  edge   b -> p : skip_connect\n  edge   b -> p",
            ["+ edge b -> p : skip_connect"],
        ),
        ("p, q : sum", "p, q : sum > mix_bn", ["- node p : sum", "+ node p : sum > mix_bn"]),
        ("concat(p, q)", "concat(q, p)", ["- output concat(p, q)", "+ output concat(q, p)"]),
        ("a, b : preprocess", "a, b : relu_conv_bn(1)", ["+ input a : relu_conv_bn(1)"]),
    ],
)
def test_diff_of_what_differs(
    dartsl: Dartsl, good: Path, tmp_path: Path, old: str, new: str, lines: list[str]
) -> None:
    result = dartsl("diff", "good.darts", changed(tmp_path, old, new))
    assert result.exit_code == 1
    assert all(f"  {line}\n" in result.stdout for line in lines)


SEQUENCE = """\
darts 1

import "std/cnn"

cell pair {
  input  a, b : preprocess
  node   p : concat
{edges}
  output p
}
"""


def test_edges_into_a_sequence_have_an_order(dartsl: Dartsl, tmp_path: Path) -> None:
    edges = ["  edge a -> p : sep_conv(3)", "  edge b -> p : skip_connect"]
    (tmp_path / "one.darts").write_text(SEQUENCE.replace("{edges}", "\n".join(edges)))
    (tmp_path / "two.darts").write_text(SEQUENCE.replace("{edges}", "\n".join(reversed(edges))))
    result = dartsl("diff", "one.darts", "two.darts")
    assert result.exit_code == 1
    assert "+ edge b -> p : skip_connect  (number 1 into concat)" in result.stdout


def test_diff_as_json(dartsl: Dartsl) -> None:
    result = dartsl("diff", "zoo/darts_v1", "zoo/darts_v2", "--format", "json")
    assert result.exit_code == 1
    found = result_of(result)
    assert found["equal"] is False
    assert [cell["name"] for cell in found["cells"]] == ["normal", "reduction"]
    assert set(found["cells"][0]) == {"name", "equal", "isomorphic", "removed", "added"}
    assert found["only_first"] == found["only_second"] == []


def test_diff_of_other_cells(dartsl: Dartsl, good: Path) -> None:
    result = dartsl("diff", "good.darts", "zoo/darts_v2")
    assert result.exit_code == 1
    assert "cell pair: only in good.darts\n" in result.stdout
    assert "cell normal: only in zoo/darts_v2\n" in result.stdout


# --------------------------------------------------------------------- compile


def test_compile_to_python(dartsl: Dartsl, good: Path, tmp_path: Path) -> None:
    text = dartsl("compile", "good.darts").stdout
    ast.parse(text)
    assert "class" in text
    assert dartsl("compile", "good.darts", "-o", "net.py").exit_code == 0
    assert (tmp_path / "net.py").read_text() == text


def test_compile_to_a_graph(dartsl: Dartsl, good: Path) -> None:
    text = dartsl("compile", "good.darts", "-O0", "--emit", "graph").stdout
    assert text.startswith("network small\n")
    assert "layer0: cell pair" in text
    assert " = mix(" in text


def test_compile_at_every_level_and_after_every_pass(dartsl: Dartsl, good: Path) -> None:
    """The text of each builds modules of the same names."""
    names = []
    after = [
        ("--target", name, "--after", each.name) for name in TARGETS for each in passes_of(2, TARGETS[name])
    ]
    for options in [("-O0",), ("-O1",), ("-O2",), (), *after]:
        text = dartsl("compile", "good.darts", *options).stdout
        space: dict[str, Any] = {}
        exec(text, space)
        names.append(list(space["SmallNetwork"]().state_dict()))
    assert all(each == names[0] for each in names)
    refused = dartsl("compile", "good.darts", "-O1", "--after", "layout")
    assert refused.exit_code == 2
    assert "-O1 for cpu has no pass layout, but dead, cse" in refused.stderr


def test_compile_tells_what_passes_did(dartsl: Dartsl, good: Path) -> None:
    text = dartsl("compile", "good.darts", "--emit", "passes").stdout
    assert text.startswith("network small at -O2 for cpu\n")
    assert [line.split()[0] for line in text.splitlines()[3:-2]] == [
        "as",
        *(each.name for each in passes_of(2, TARGETS["cpu"])),
    ]
    cuda = dartsl("compile", "good.darts", "--emit", "passes", "--target", "cuda", "-O1").stdout
    assert "for cuda, chosen by the count of operations, not measured" in cuda


def test_compile_to_dot_that_renders(dartsl: Dartsl, good: Path) -> None:
    text = dartsl("compile", "good.darts", "--emit", "dot").stdout
    assert b"<svg" in render(text, "svg")


def test_compile_without_a_network(dartsl: Dartsl, tmp_path: Path) -> None:
    (tmp_path / "cell.darts").write_text(GOOD[: GOOD.index("network")])
    result = dartsl("compile", "cell.darts")
    assert result.exit_code == 1
    assert "E0601" in result.stderr


def test_compile_with_passes_of_ones_own(dartsl: Dartsl, good: Path) -> None:
    text = dartsl(
        "compile", "good.darts", "--emit", "passes", "--passes", "dead,cse,stack(limit=4096)"
    ).stdout
    assert text.startswith("network small at --passes for cpu\n")
    assert [line.split()[0] for line in text.splitlines()[3:-2]] == ["as", "dead", "cse", "stack"]
    level = dartsl("compile", "good.darts", "--emit", "graph", "-O1").stdout
    assert dartsl("compile", "good.darts", "--emit", "graph", "--passes", "dead,cse").stdout == level
    assert (
        dartsl("compile", "good.darts", "--passes", "dead,cse").stdout
        == dartsl("compile", "good.darts", "-O1").stdout
    )
    wrong = dartsl("compile", "good.darts", "--passes", "dead,fodl")
    assert wrong.exit_code == 2
    assert "there is no pass `fodl`\ndead,fodl\n     ^" in wrong.stderr
    assert "did you mean `fold`?" in wrong.stderr
    assert dartsl("compile", "good.darts", "--passes", "cse", "-O1").exit_code == 2


def test_a_space_beyond_counting_has_its_logarithm(dartsl: Dartsl, tmp_path: Path) -> None:
    cell = "input c\n node n0..n100 : sum\n edge all -> n0..n100 : darts\n output n100"
    (tmp_path / "large.darts").write_text(f'darts 1\nimport "std/cnn"\ncell x {{ {cell} }}\n')
    found = result_of(dartsl("info", "large.darts", "--format", "json"))
    assert found["space_size"] is found["cells"][0]["space_size"] is None
    edges = 101 * 102 // 2
    assert found["space_size_log10"] == pytest.approx(edges * math.log10(8), rel=1e-2)
    assert "space 6.55e4651 architectures" in dartsl("info", "large.darts").stdout
