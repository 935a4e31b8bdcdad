"""The grammar of one version of the language: its tokens, its keywords, its parser tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from lark import Lark, Token, lexer
from lark.lexer import PatternStr, TerminalDef

from dartsl.lang.codes.limits import MAX_STRANGE, MAX_TOKENS
from dartsl.lang.syntax.automaton import Automaton, Table
from dartsl.lang.syntax.resources import grammars_dir
from dartsl.lang.syntax.tree import Builder

VERSIONS = (1, 2)
KEPT = 1_000_000  # characters of a text, at most, whose tokens are kept
_STRANGE = frozenset(("FOREIGN", "UNCLOSED", "STRANGE"))


@contextmanager
def _no_search_for_collisions() -> Iterator[None]:
    """Keep Lark from comparing all tokens at every start, as it does where interegular is installed (by dartsl[test]).

    That takes a third of a `check`; a test of the grammar makes it once.
    """
    before = lexer.has_interegular
    lexer.has_interegular = False
    try:
        yield
    finally:
        lexer.has_interegular = before


@dataclass
class Tokens:
    """The tokens of a text: those of the grammar, the comments, and what is no token (FOREIGN, STRANGE, UNCLOSED).

    `whole` is False where there were more than MAX_TOKENS, or more than MAX_STRANGE that are none: the text is
    then read no further.
    """

    kept: list[Token] = field(default_factory=list)
    comments: list[Token] = field(default_factory=list)
    strange: list[Token] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        few = len(self.kept) + len(self.comments) <= MAX_TOKENS
        return few and len(self.strange) <= MAX_STRANGE


class Grammar:
    """A grammar with its lexer; the tokens that Lark skips (comments, what is no token) are kept apart."""

    def __init__(self, version: int) -> None:
        text = (grammars_dir() / f"darts_{version}.lark").read_text(encoding="utf-8")
        # `basic` keeps keywords reserved everywhere; the contextual lexer reads `opset = x` as `op set = x`.
        with _no_search_for_collisions():
            lark = Lark(text, parser="lalr", lexer="basic", maybe_placeholders=False)
        # How a token type is spelt, for those that have one spelling.
        self.spelling = {t.name: t.pattern.value for t in lark.terminals if isinstance(t.pattern, PatternStr)}
        self.keywords = {text: name for name, text in self.spelling.items() if text.isidentifier()}
        conf = lark.parse_interactive("").parser_state.parse_conf
        self._table = Table.of(conf, lark.rules)
        self._last = ("", Tokens())
        self._pattern = _pattern([t for t in lark.terminals if t.name not in self.keywords.values()])

    def tokens(self, text: str) -> Tokens:
        """The tokens of a text, as far as it is read. Those of the last text are kept: an editor asks again."""
        last, found = self._last
        if last != text:
            found = self._read(text)
            self._last = (text, found) if len(text) <= KEPT else ("", Tokens())
        return Tokens(found.kept[:], found.comments[:], found.strange[:])

    def _read(self, text: str) -> Tokens:
        found = Tokens()
        kept, comments, strange, keywords = found.kept, found.comments, found.strange, self.keywords
        for match in self._pattern.finditer(text):
            kind = match.lastgroup or ""
            if kind == "WS":
                continue
            word, (start, end) = match[0], match.span()
            if kind == "NAME":
                kind = keywords.get(word, kind)
            into = strange if kind in _STRANGE else comments if kind == "COMMENT" else kept
            into.append(Token(kind, word, start, None, None, None, None, end))
            if len(strange) > MAX_STRANGE or len(kept) + len(comments) > MAX_TOKENS:
                break
        return found

    def start(self, builder: Builder | None = None) -> Automaton:
        """A parser that tokens are fed to one by one, and that has a builder make what they stand for, if anything."""
        return Automaton(self._table, builder)


def _pattern(terminals: list[TerminalDef]) -> re.Pattern[str]:
    """All tokens in one expression, in the order in which Lark's lexer tries them. It leaves out no character."""
    order = sorted(
        terminals, key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name)
    )
    return re.compile("|".join(f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in order))


@cache
def grammar(version: int) -> Grammar:
    """The grammar of a version in VERSIONS, built once a process."""
    return Grammar(version)


def keywords(version: int = VERSIONS[-1]) -> frozenset[str]:
    """The words that cannot be used as names."""
    return frozenset(grammar(version).keywords)
