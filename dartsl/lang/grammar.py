"""The grammar of one version of the language: its tokens, its keywords, its parser tables."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from lark import Lark, Token
from lark.lexer import BasicLexer, PatternStr

from dartsl.lang.resources import grammars_dir

if TYPE_CHECKING:
    from lark.common import LexerConf
    from lark.parsers.lalr_interactive_parser import InteractiveParser

VERSIONS = (1,)

# Comments and blanks may stand above the header; the possessive `++` keeps the match linear.
HEADER = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+darts[ \t]+([0-9]+)")


class Lexer(BasicLexer):
    """Lark's, without its search for collisions of tokens at every start: a test of the grammar makes it once."""

    __future_interface__ = 2  # Lark calls `lex` as it calls its own lexers'

    def __init__(self, conf: LexerConf) -> None:
        conf.skip_validation = True
        super().__init__(conf)


class Grammar:
    """A grammar with its lexer; the tokens that Lark skips (comments, what is no token) are kept apart."""

    def __init__(self, version: int) -> None:
        text = (grammars_dir() / f"darts_{version}.lark").read_text(encoding="utf-8")
        self._skipped: list[Token] = []
        callbacks = dict.fromkeys(("COMMENT", "FOREIGN", "UNCLOSED", "STRANGE"), self._skip)
        # A basic lexer keeps keywords reserved everywhere; the contextual lexer reads `opset = x` as `op set = x`.
        self._lark = Lark(
            text, parser="lalr", lexer=Lexer, propagate_positions=True, maybe_placeholders=False,
            lexer_callbacks=callbacks,
        )  # fmt: skip
        # How a token type is spelt, for those that have one spelling.
        self.spelling = {
            t.name: t.pattern.value for t in self._lark.terminals if isinstance(t.pattern, PatternStr)
        }
        self.keywords = {text: name for name, text in self.spelling.items() if text.isidentifier()}

    def _skip(self, token: Token) -> Token:
        self._skipped.append(token)
        return token

    def tokens(self, text: str) -> tuple[list[Token], list[Token]]:
        """The tokens of a text, and those skipped: COMMENT, FOREIGN, UNCLOSED (a string) and STRANGE (a
        character)."""
        self._skipped.clear()
        state = self._lark.parse_interactive(text)
        kept = list(state.lexer_thread.lex(state.parser_state))  # type: ignore[no-untyped-call]
        return kept, list(self._skipped)

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
