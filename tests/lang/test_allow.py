"""Comments that silence warnings: where they hold, and what is said of those that do nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from dartsl.lang.checker import diagnose
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.loader import read_file

TEXT = """{top}darts 1
{below}
import "std/cnn"
{declaration}
cell c {{{opening}
  input  a, b : preprocess{input}
  {item}
  node   p, q : sum{node}
  edge   a -> p, q : relu
  output p
}}
cell d {{
  input  a, b : preprocess
  node   p : sum
  edge   a -> p : relu
  output p
}}
"""
PLACES = ("top", "below", "declaration", "opening", "input", "item", "node")
ALL = [("c", "b"), ("c", "q"), ("d", "b")]  # what never reaches the output, by cell


def found(**comments: str) -> list[tuple[str, str]]:
    """Codes and the marked texts of what is reported."""
    text = TEXT.format(**{place: comments.get(place, "") for place in PLACES})
    return [(d.code, d.primary.span.text) for d in diagnose(Source("test", text)).diagnostics]


@pytest.mark.parametrize(
    ("place", "left"),
    [
        ("top", []),
        ("below", []),
        ("declaration", ["b"]),  # that of the other cell
        ("opening", ["b"]),
        ("input", ["q", "b"]),
        ("item", ["b", "b"]),
        ("node", ["b", "b"]),
    ],
)
def test_where_a_comment_holds(place: str, left: list[str]) -> None:
    comment = "# dartsl: allow W0303\n" if place == "top" else "  # dartsl: allow W0303"
    assert found(**{place: comment}) == [("W0303", name) for name in left]


def test_without_a_comment_all_is_reported() -> None:
    assert found() == [("W0303", name) for _, name in ALL]


@pytest.mark.parametrize(
    "comment",
    [
        "# dartsl: allow w0303",
        "#dartsl:allow W0303",
        "# dartsl: allow W0303, W0502   (spare nodes)",
        "# dartsl allow W0303",
        "# darts: allow W0303",
    ],
)
def test_spellings(comment: str) -> None:
    assert [code for code, _ in found(top=comment + "\n")] == ["W0107"] * comment.count("W0502")


@pytest.mark.parametrize(
    ("comment", "marked"),
    [
        ("# dartsl: allow E0302", "E0302"),
        ("# dartsl: allow W9999", "W9999"),
        ("# dartsl: allow W0502", "W0502"),
        ("# dartsl: allow", "# dartsl: allow"),
        ("# dartsl: ignore W0303", "# dartsl: ignore W0303"),
    ],
)
def test_what_allows_nothing_is_reported(comment: str, marked: str) -> None:
    reports = found(node="  " + comment)
    assert ("W0107", marked) in reports
    assert len(reports) == 1 + len(ALL)
    # and that report can be silenced as any other
    assert [code for code, _ in found(top="# dartsl: allow W0107\n", node="  " + comment)] == ["W0303"] * 3


def test_other_comments_mean_nothing() -> None:
    for comment in (
        "# dartsl 1.0",
        "# allow W0303",
        "# dartsl was here: allow W0303",
        "# darts: the space of the first order",
        "# darts allow one to search",
    ):
        assert found(top=comment + "\n") == [("W0303", name) for _, name in ALL]


def test_errors_are_never_silenced_and_hide_unused_comments() -> None:
    reports = found(top="# dartsl: allow E0201, W0303\n", node="\n  edge a -> x : relu")
    assert [code for code, _ in reports] == ["W0107", "E0201"]
    reports = found(top="# dartsl: allow W0502\n", node="\n  edge a -> x : relu")
    assert [code for code, _ in reports] == ["E0201", "W0303"]


def test_a_comment_holds_for_its_own_file_alone(tmp_path: Path) -> None:
    cell = TEXT.format(**dict.fromkeys(PLACES, ""))
    (tmp_path / "cells.darts").write_text(cell)
    root = tmp_path / "root.darts"
    root.write_text('# dartsl: allow W0303\ndarts 1\nimport "./cells"\n')
    codes = [d.code for d in diagnose(read_file(root, "root.darts")).diagnostics]
    assert codes == ["W0303"] * 3 + ["W0107"]
