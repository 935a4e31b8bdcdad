"""The Pygments lexer: it reads what the grammars read, token by token."""

from __future__ import annotations

from pathlib import Path

import pytest
from lark import Lark
from pygments.token import Comment, Error, Keyword, Name, Number, Operator, Punctuation, String, Whitespace

from dartsl.lang.codes.source import HEADER
from dartsl.lang.highlight import DartsLexer
from dartsl.lang.records.primitives import PRIMITIVES
from dartsl.lang.records.record import MERGES
from dartsl.lang.syntax.grammar import VERSIONS, grammar
from dartsl.lang.syntax.resources import grammars_dir, shipped_specs

GOOD = Path(__file__).parents[1] / "good"
OPERATORS = {"|", ">", "+", "-", "*", "/", "=", "->", "=>", ".."}
SPECS = [*shipped_specs().values(), *sorted(GOOD.glob("*.darts"))]

Coloured = list[tuple[int, object, str]]


def lexed(text: str) -> Coloured:
    return list(DartsLexer().get_tokens_unprocessed(text))


def test_specs_have_the_tokens_of_their_grammar() -> None:
    assert len(SPECS) > 20
    for path in SPECS:
        text = path.read_text(encoding="utf-8")
        found = lexed(text)
        assert "".join(value for _, _, value in found) == text, path
        assert not [value for _, kind, value in found if kind is Error], path
        header = HEADER.match(text)
        assert header is not None
        tokens = grammar(int(header[1])).tokens(text)
        expected = {token.start_pos: str(token) for token in tokens.kept if token.type != "HEADER"}
        words = {
            at: value
            for at, kind, value in found
            if kind not in Whitespace and kind not in Comment and at >= header.end()
        }
        assert words == expected, path
        comments = "".join(value for _, kind, value in found if kind in Comment)
        assert comments == "".join(tokens.comments), path


@pytest.mark.parametrize("version", VERSIONS)
def test_every_terminal_of_a_grammar_has_a_colour(version: int) -> None:
    kinds = {
        "NAME": ("depth", Name),
        "INT": ("3", Number.Integer),
        "FLOAT": ("3e-4", Number.Float),
        "STRING": ('"std/cnn"', String.Double),
        "COMMENT": ("# a comment", Comment.Single),
        "WS": (" \n", Whitespace),
        "STRANGE": ("?", Error),
        "UNCLOSED": ('"std', Error),
    }
    rules = (grammars_dir() / f"darts_{version}.lark").read_text(encoding="utf-8")
    terminals = {each.name for each in Lark(rules, parser="lalr", lexer="basic").terminals}
    fixed = grammar(version).spelling
    assert terminals == {*kinds, *fixed, "HEADER", "FOREIGN"}
    for text in fixed.values():
        word = Keyword if text.isidentifier() else Operator if text in OPERATORS else Punctuation
        kinds[text] = (text, word)
    for text, kind in kinds.values():
        ((at, found, value),) = lexed(text)
        assert (at, value) == (0, text)
        assert found in kind, text


@pytest.mark.parametrize(
    "name", sorted({*PRIMITIVES, *MERGES, "scan", "image", "tokens", "vector", "series"})
)
def test_names_of_the_language(name: str) -> None:
    assert lexed(name) == [(0, Name.Builtin, name)]
    assert lexed(f"{name}s")[0][1] is Name


def test_what_names_are_for() -> None:
    text = (
        "darts 2  # dartsl: allow W0303 (why)\n"
        "extern op glu(out = Cin/2)\nops some = glu | conv(3)\ncell c(f) { node a : f }\nnetwork n(C = 4) {}\n"
    )
    kinds = {value: kind for _, kind, value in lexed(text)}
    assert kinds["darts"] is Keyword.Namespace
    assert kinds["# dartsl: allow"] is Comment.Special
    assert kinds["extern"] is kinds["op"] is kinds["cell"] is Keyword.Declaration
    assert kinds["out"] is Name.Attribute
    assert kinds["Cin"] is Name.Builtin.Pseudo
    assert kinds["some"] is Name.Function
    assert kinds["conv"] is Name.Builtin
    assert kinds["c"] is kinds["n"] is Name.Class
    assert kinds["f"] is kinds["a"] is Name
    assert kinds["glu"] is Name
    assert {v: k for _, k, v in lexed("glu(3)")}["glu"] is Name.Function
    assert lexed("match stride { 1 => a }")[0][1] is Keyword


def test_specs_are_known_by_their_header() -> None:
    assert DartsLexer.analyse_text("# mine\n\ndarts 2\nop f = relu\n") == 1
    assert DartsLexer.analyse_text("the darts 2 players\n") == 0


def test_a_broken_spec_is_coloured() -> None:
    text = "op\nops f = 'x' | \"open\n?? a.b\r\n"
    assert "".join(value for _, _, value in lexed(text)) == text
