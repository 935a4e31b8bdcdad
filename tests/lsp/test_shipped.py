"""What is known of sound specs: each word of theirs is a name with a meaning, is offered where it stands, can be
renamed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pygls")

from lark import Token
from lsprotocol import types as lsp

from dartsl.lang.checker import diagnose
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.grammar import grammar
from dartsl.lang.syntax.resources import shipped_specs
from dartsl.lsp.completion import completion
from dartsl.lsp.documents import Document, Documents, path_of, uri_of
from dartsl.lsp.hover import hover
from dartsl.lsp.names import Occurrence
from dartsl.lsp.navigation import definition, renamed

GOOD = {path.stem: path for path in (Path(__file__).parents[1] / "good").glob("*.darts")}
SPECS = {**shipped_specs(), **GOOD}
TYPED = ("corners", "mobile", "own_ops", "recurrent", "std/blocks", "std/prelude_2", "transformer")
NAMED = ("hierarchical", "lstm", "tabular", "transformer")


def opened(name: str) -> Document:
    return Document(uri_of(SPECS[name]), SPECS[name].read_text(encoding="utf-8"))


def words(document: Document) -> Iterator[tuple[Token, list[Occurrence]]]:
    """The names and keywords of a text, with what is known of each."""
    for token in grammar(document.source.version).tokens(document.source.text).kept:
        if str(token).isidentifier():
            yield token, document.at((token.start_pos or 0) + 1 if len(token) > 1 else token.start_pos or 0)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_each_name_has_a_meaning_and_a_declaration(name: str) -> None:
    document = opened(name)
    for token, known in words(document):
        assert known or token.type != "NAME", (token.start_pos, str(token))
    for one in {one.symbol: one for one in document.names}.values():
        kind = one.symbol.kind
        assert kind == "import" or hover(document, one.span.start) is not None, one.symbol
        assert kind in ("setting", "built-in") or definition(document, one.span.start), one.symbol


@pytest.mark.parametrize("name", TYPED)
def test_each_word_is_offered_where_it_stands(name: str) -> None:
    document = opened(name)
    for token, known in words(document):
        if any(one.declares for one in known):
            continue
        labels = {item.label.removesuffix(" =") for item in completion(document, token.start_pos or 0)}
        assert str(token) in labels, (token.start_pos, str(token))


def after(text: str, edits: object) -> str:
    """A text in ASCII after edits, none of which goes over a line's end."""
    assert isinstance(edits, list)
    lines = text.split("\n")
    for edit in sorted(edits, key=lambda each: each.range.start, reverse=True):
        line, start, end = edit.range.start.line, edit.range.start.character, edit.range.end.character
        assert isinstance(edit, lsp.TextEdit)
        lines[line] = lines[line][:start] + edit.new_text + lines[line][end:]
    return "\n".join(lines)


@pytest.mark.parametrize("name", NAMED)
def test_a_name_can_be_another_one_and_itself_again(name: str, tmp_path: Path) -> None:
    text = SPECS[name].read_text(encoding="utf-8")
    document = Document(uri_of(tmp_path / "mine.darts"), text)
    said = [fault.code for fault in document.report.diagnostics]
    read = Documents(lambda uri: (path_of(uri) or Path()).read_text(encoding="utf-8"))
    tried = 0
    for symbol, place in {one.symbol: one.span.start for one in reversed(document.names)}.items():
        try:
            edit = renamed(read, document, place, "fresh")
        except UserError:
            continue
        assert edit.changes is not None
        other = Document(document.uri, after(text, edit.changes[document.uri]))
        assert [fault.code for fault in diagnose(other.source).diagnostics] == said, symbol
        place = next(one.span.start for one in other.names if one.symbol.name == "fresh")
        back = renamed(read, other, place, symbol.name).changes
        assert back is not None
        assert after(other.text, back[document.uri]) == text, symbol
        tried += 1
    assert tried > 5


@pytest.mark.parametrize(
    ("old", "name"),
    [("net(", "other"), ("net(", "edge"), ("one", "layer3"), ("one", "concat"), ("k =", "stride")],
)
def test_a_name_that_would_be_an_error_is_refused(old: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "parts.darts").write_text("darts 2\nnetwork other {\n}\n", encoding="utf-8")
    text = 'darts 2\nimport "./parts"\ncell one {\n}\nnetwork net(k = 4) {\n}\n'
    document = Document(uri_of(tmp_path / "mine.darts"), text)
    read = Documents(lambda uri: (path_of(uri) or Path()).read_text(encoding="utf-8"))
    with pytest.raises(UserError, match=f"`{name}` is (reserved|taken)"):
        renamed(read, document, text.index(old), name)


def test_a_name_is_another_one_in_the_specs_above_that_import_its_file(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    ops, below, above = (
        tmp_path / "parts" / "ops.darts",
        tmp_path / "parts" / "more.darts",
        tmp_path / "mine.darts",
    )
    ops.write_text("darts 1\nop old = relu\n", encoding="utf-8")
    below.write_text('darts 1\nimport "./ops"\nop two = old > old\n', encoding="utf-8")
    above.write_text('darts 1\nimport "./parts/more"\nop three = old > two\n', encoding="utf-8")
    read = Documents(lambda uri: (path_of(uri) or Path()).read_text(encoding="utf-8"))
    edit = renamed(read, read.get(uri_of(ops)), ops.read_text().index("old"), "new")
    assert edit.changes is not None
    assert {uri: len(edits) for uri, edits in edit.changes.items()} == {
        uri_of(ops): 1, uri_of(below): 2, uri_of(above): 1
    }  # fmt: skip
