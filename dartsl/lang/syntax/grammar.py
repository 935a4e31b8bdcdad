"""The grammar of one version of the language: its tokens, its keywords, its parser tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from lark import Lark, Token, lexer
from lark.lexer import PatternStr

from dartsl.lang.codes.limits import MAX_STRANGE, MAX_TOKENS
from dartsl.lang.syntax.resources import grammars_dir

if TYPE_CHECKING:
    from lark.parsers.lalr_interactive_parser import InteractiveParser

VERSIONS = (1, 2)


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


class _FullError(Exception):
    """Stops the lexer."""


class Grammar:
    """A grammar with its lexer; the tokens that Lark skips (comments, what is no token) are kept apart."""

    def __init__(self, version: int) -> None:
        text = (grammars_dir() / f"darts_{version}.lark").read_text(encoding="utf-8")
        self._tokens = Tokens()
        self._lock = Lock()  # the lexer reports to one place, and a language server asks from several threads
        callbacks = dict.fromkeys(("COMMENT", "FOREIGN", "UNCLOSED", "STRANGE"), self._skip)
        # `basic` keeps keywords reserved everywhere; the contextual lexer reads `opset = x` as `op set = x`.
        with _no_search_for_collisions():
            self._lark = Lark(
                text, parser="lalr", lexer="basic", propagate_positions=True, maybe_placeholders=False,
                lexer_callbacks=callbacks,
            )  # fmt: skip
        # How a token type is spelt, for those that have one spelling.
        self.spelling = {
            t.name: t.pattern.value for t in self._lark.terminals if isinstance(t.pattern, PatternStr)
        }
        self.keywords = {text: name for name, text in self.spelling.items() if text.isidentifier()}

    def _skip(self, token: Token) -> Token:
        (self._tokens.comments if token.type == "COMMENT" else self._tokens.strange).append(token)
        if not self._tokens.whole:
            raise _FullError
        return token

    def tokens(self, text: str) -> Tokens:
        """The tokens of a text, as far as it is read."""
        with self._lock:
            found = self._tokens = Tokens()
            state = self._lark.parse_interactive(text)
            try:
                for token in state.lexer_thread.lex(state.parser_state):  # type: ignore[no-untyped-call]
                    found.kept.append(token)
                    if len(found.kept) + len(found.comments) > MAX_TOKENS:
                        break
            except _FullError:
                pass
            return found

    def start(self) -> InteractiveParser:
        """A parser that tokens are fed to one by one."""
        return self._lark.parse_interactive("")


@cache
def grammar(version: int) -> Grammar:
    """The grammar of a version in VERSIONS, built once a process."""
    return Grammar(version)


def keywords(version: int = VERSIONS[-1]) -> frozenset[str]:
    """The words that cannot be used as names."""
    return frozenset(grammar(version).keywords)
