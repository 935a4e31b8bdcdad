"""The grammar: no conflicts, hard keywords, one list of them."""

from __future__ import annotations

import re

import pytest
from lark import Lark, Token, lexer

from dartsl.lang.codes.diagnostics import SpecError
from dartsl.lang.codes.source import Source
from dartsl.lang.codes.table import CODES
from dartsl.lang.syntax.grammar import VERSIONS, Grammar, grammar, keywords
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.resources import grammars_dir, shipped_specs


@pytest.mark.parametrize("version", VERSIONS)
def test_the_grammar_has_no_conflicts(version: int) -> None:
    text = (grammars_dir() / f"darts_{version}.lark").read_text(encoding="utf-8")
    Lark(text, parser="lalr", lexer="basic", strict=True)


def test_the_grammar_is_built_without_comparing_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what the test above is for; it would take a third of `dartsl check`."""
    before = lexer.has_interegular
    monkeypatch.setattr(lexer, "_check_regex_collisions", None)
    assert "cell" in Grammar(1).keywords
    assert lexer.has_interegular == before


def test_every_grammar_is_a_known_version() -> None:
    found = {int(path.stem.removeprefix("darts_")) for path in grammars_dir().glob("darts_*.lark")}
    assert found == set(VERSIONS)


def test_keywords_are_those_of_the_grammar_everywhere() -> None:
    text = (grammars_dir() / "darts_1.lark").read_text(encoding="utf-8")
    rules = re.sub(r"//[^\n]*", "", text)
    assert keywords() == set(re.findall(r'"([a-z]+)"', rules))
    explained = set(re.findall(r"`([a-z]+)`", CODES["E0101"].explanation))
    assert explained == keywords()
    reference = (grammars_dir() / "README.md").read_text(encoding="utf-8")
    listed = re.search(r"Keywords: ([^.]*)\.", reference)
    assert listed is not None
    assert set(re.findall(r"`([a-z]+)`", listed[1])) == keywords()


@pytest.mark.parametrize("word", sorted(keywords()))
def test_keywords_are_reserved_everywhere(word: str) -> None:
    texts = [f"op {word} = relu", f"cell c {{ input {word} output x }}"]
    if word not in ("true", "false", "match"):  # these may start an argument
        texts.append(f"op f = g({word} = 1)")
    for text in texts:
        with pytest.raises(SpecError) as caught:
            parse(Source("test", f"darts 1\n{text}\n"))
        assert [fault.code for fault in caught.value.diagnostics] == ["E0101"]


def test_longer_words_are_names() -> None:
    parse(Source("test", "darts 1\nops opset = inputs\nop ops_ = darts\nop _ = keep2(all_ = true_)\n"))


@pytest.mark.parametrize("version", VERSIONS)
def test_tokens_are_those_of_the_lexer_of_lark(version: int) -> None:
    """dartsl reads tokens by one expression of its own, several times as fast."""
    rules = (grammars_dir() / f"darts_{version}.lark").read_text(encoding="utf-8")
    skipped: list[Token] = []

    def skip(token: Token) -> Token:
        skipped.append(token)
        return token

    kinds = dict.fromkeys(("COMMENT", "FOREIGN", "UNCLOSED", "STRANGE"), skip)
    lark = Lark(rules, parser="lalr", lexer="basic", lexer_callbacks=kinds)
    texts = [path.read_text(encoding="utf-8") for path in shipped_specs().values()]
    for text in [
        *texts,
        "a.b cells \"x\n1.5e-3..2 // 3 \u00e9 /* 1 */ 'q' keep keeps # \U0001d4b3\r\n\t\"",
        "",
    ]:
        skipped.clear()
        expected = [*lark.lex(text), *skipped]
        tokens = grammar(version).tokens(text)
        found = [*tokens.kept, *tokens.comments, *tokens.strange]
        assert sorted((t.start_pos or 0, t.end_pos or 0, t.type, str(t)) for t in found) == sorted(
            (t.start_pos or 0, t.end_pos or 0, t.type, str(t)) for t in expected
        )
