"""Printing and reading back: equal trees, the same text twice, every comment kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dartsl.lang.codes.source import Source
from dartsl.lang.syntax import ast as s
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.printer import print_expr, print_file
from dartsl.lang.syntax.resources import shipped_specs
from tests.conftest import Golden
from tests.lang import trees

HERE = Path(__file__).parent
FORMATTED = sorted((HERE / "formatting").glob("*.darts"))


def formatted(text: str) -> str:
    return print_file(parse(Source("test.darts", text)))


@settings(max_examples=100, deadline=None)
@given(trees.files)
def test_a_tree_is_read_back_as_it_was_printed(tree: s.File) -> None:
    text = print_file(tree)  # compares the trees itself
    assert parse(Source("again", text)) == tree
    assert formatted(text) == text


@settings(max_examples=100, deadline=None)
@given(trees.expressions)
def test_an_expression_is_read_back_as_it_was_printed(expr: s.Expr) -> None:
    tree = parse(Source("expression", f"darts 2 op f = {print_expr(expr)}"))
    (op,) = tree.declarations
    assert isinstance(op, s.OpDecl)
    assert op.body == expr


@settings(max_examples=100, deadline=None)
@given(trees.files, st.data())
def test_comments_survive_wherever_they_stand(tree: s.File, data: st.DataObject) -> None:
    text = print_file(tree)
    places = [0, *(i for i in range(len(text)) if text[i].isspace()), len(text)]
    places = [
        place for place in places if not text.startswith(" 2", place) or not text.endswith("darts", 0, place)
    ]
    cuts = sorted(set(data.draw(st.lists(st.sampled_from(places), max_size=6))))
    out, last = [], 0
    for number, cut in enumerate(cuts):
        out += [text[last:cut], f" # comment {number}\n"]
        last = cut
    # A comment inside a string is none, and one in the string's line may cut it: leave those texts out.
    commented = "".join([*out, text[last:]])
    if '"' in text:
        return
    tree_with = parse(Source("commented", commented))
    assert tree_with == tree
    once = print_file(tree_with)
    for number in range(len(cuts)):
        assert f"# comment {number}" in once
    assert formatted(once) == once


@pytest.mark.parametrize("name", sorted(shipped_specs()))
def test_shipped_specs_are_formatted(name: str) -> None:
    text = shipped_specs()[name].read_text(encoding="utf-8")
    assert formatted(text) == text


@pytest.mark.parametrize("path", FORMATTED, ids=lambda path: path.stem)
def test_formatting(path: Path, golden: Golden) -> None:
    text = formatted(path.read_text(encoding="utf-8"))
    golden(HERE / "golden" / f"{path.stem}.darts", text)
    assert formatted(text) == text


def test_a_tree_without_a_text_is_refused() -> None:
    name = s.Name("head", span=trees.NOWHERE)
    declaration = s.OpsDecl(name, name, span=trees.NOWHERE)
    with pytest.raises(ValueError, match="no text"):
        print_file(s.File(1, (), (declaration,), span=trees.NOWHERE))


def test_line_ends_and_a_byte_order_mark_do_not_matter() -> None:
    text = "# top\n\ndarts 1\n\nop f = relu  # why\n"
    assert formatted("\ufeff" + text.replace("\n", "\r\n")) == text
