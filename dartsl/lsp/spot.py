"""The place of the cursor in a text that is being typed: what may follow there, and which names it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lark import Token

from dartsl.lang.codes.source import HEADER, Source, Span
from dartsl.lang.syntax import ast
from dartsl.lang.syntax.grammar import VERSIONS, Grammar, grammar
from dartsl.lang.syntax.header import read_header
from dartsl.lang.syntax.recovery import SYNC, Recovery
from dartsl.lang.syntax.syntax_faults import DECLARATIONS
from dartsl.lsp.names import members

NOWHERE = Span(Source("", ""), 0, 0)
_WORD = re.compile(r"[A-Za-z0-9_]*\Z")
_DECLARATION = re.compile(r"^(?:op|extern|ops|cell|network|search|train)\b", re.MULTILINE)
_OPENERS, _CLOSERS = ("LPAR", "LBRACE", "LSQB"), ("RPAR", "RBRACE", "RSQB")


@dataclass(frozen=True)
class Spot:
    """What stands before the cursor, the word that is being typed apart, which starts at `start`.

    accepts    the kinds of tokens that may follow
    where      the open statement: `top`, `in cell`, `cell edge`, ...
    tokens     of the open statement, from its keyword on
    block      of the open declaration, from its keyword on
    quoted     what stands before the cursor in a string that is not closed; None outside of one
    comment    whether it is in a comment
    headless   whether the text has no header yet
    """

    start: int
    accepts: frozenset[str] = frozenset()
    where: str = "top"
    tokens: list[Token] = field(default_factory=list)
    block: list[Token] = field(default_factory=list)
    quoted: str | None = None
    comment: bool = False
    headless: bool = False
    version: int = VERSIONS[-1]

    @property
    def last(self) -> str:
        """The kind of the token before the cursor."""
        return self.tokens[-1].type if self.tokens else ""

    @property
    def names_something(self) -> bool:
        """Whether a new name is asked for, which nothing can suggest."""
        if self.where in ("cell input", "cell node"):
            return self.last in ("INPUT", "NODE", "COMMA", "_TO") and not self.after("COLON")
        return self.last in ("OP", "OPS", "CELL", "NETWORK") or (
            self.last in ("LPAR", "COMMA")
            and self.where in ("op", "extern", "cell", "network")
            and not self.after("EQUAL")
        )

    @property
    def depth(self) -> int:
        """How many brackets of the open statement are open."""
        return sum((token.type in _OPENERS) - (token.type in _CLOSERS) for token in self.tokens)

    @property
    def arm(self) -> bool:
        """Whether an arm of `match shape` may start."""
        return (
            self.version > 1
            and self.last in ("LBRACE", "COMMA")
            and {"INT", "NAME"} <= self.accepts
            and not {"STRING", "LPAR"} & self.accepts
        )

    def after(self, kind: str) -> bool:
        """Whether a token stands in the open statement, outside of all brackets."""
        depth = 0
        for token in self.tokens:
            depth += (token.type in _OPENERS) - (token.type in _CLOSERS)
            if token.type == kind and depth == 0:
                return True
        return False

    @property
    def called(self) -> str | None:
        """The name of the call in whose brackets the cursor is, where an argument may start."""
        if self.last not in ("LPAR", "COMMA"):
            return None
        depth = 0
        for index in range(len(self.tokens) - 1, 0, -1):
            kind = self.tokens[index].type
            depth += (kind in _CLOSERS) - (kind in _OPENERS)
            if depth < 0:
                before = self.tokens[index - 1]
                return str(before) if kind == "LPAR" and before.type in ("NAME", "STAGE") else None
        return None

    @property
    def setting(self) -> str | None:
        """The setting whose value is open."""
        place = max((i for i, token in enumerate(self.block) if token.type == "EQUAL"), default=0)
        value = self.block[place + 1 :]
        depth = sum((token.type in _OPENERS) - (token.type in _CLOSERS) for token in value)
        return str(self.block[place - 1]) if place and (depth > 0 or not value) else None

    @property
    def given(self) -> set[str]:
        """The settings that the open block has."""
        pairs = zip(self.block, self.block[1:], strict=False)
        return {str(name) for name, token in pairs if token.type == "EQUAL"}

    @property
    def parameters(self) -> list[str]:
        """Those of the open declaration."""
        found, depth = [], 0
        for before, token in zip(self.block, self.block[1:], strict=False):
            depth += (token.type in _OPENERS) - (token.type in _CLOSERS)
            if token.type in ("LBRACE", "EQUAL") and depth - (token.type == "LBRACE") == 0:
                break
            if token.type == "NAME" and depth == 1 and before.type in ("LPAR", "COMMA"):
                found.append(str(token))
        return found

    @property
    def members(self) -> list[str]:
        """The inputs and nodes that the open cell has above the cursor, in order."""
        return list(dict.fromkeys(_members(self.block)))


def _name(token: Token) -> ast.Name:
    return ast.Name(str(token), span=NOWHERE)


def _members(block: list[Token]) -> Iterator[str]:
    declaring = False
    for index, token in enumerate(block):
        if token.type in SYNC:
            declaring = token.type in ("INPUT", "NODE")
        elif token.type == "COLON":
            declaring = False
        elif declaring and token.type == "NAME":
            if index > 1 and block[index - 1].type == "_TO":
                yield from members(ast.Range(_name(block[index - 2]), _name(token), span=NOWHERE))
            else:
                yield str(token)


def spot_at(source: Source, offset: int) -> Spot:
    """What is known of a place in a text; all that stands after it does not count."""
    word = _WORD.search(source.text, 0, offset)
    start = word.start() if word else offset
    head = Source(source.name, _open_part(source.text[:start]), source.path)
    header = read_header(head)
    if header.version is None or header.faults:
        return Spot(start, headless=True)
    rules = grammar(header.version)
    found = rules.tokens(header.text)
    end = len(head.text)
    if found.comments and (found.comments[-1].end_pos or 0) == end and end:
        return Spot(start, comment=True)
    if found.strange and found.strange[-1].type == "UNCLOSED" and found.strange[-1].end_pos == end:
        open_string = found.strange.pop()
        return _spot(rules, head, found.kept, offset, header.version, str(open_string)[1:])
    return _spot(rules, head, found.kept, start, header.version, None)


def _open_part(text: str) -> str:
    """A text with blanks for all declarations but the last, which is all that a parser needs to know of the end."""
    header = HEADER.match(text)
    first = header.end() if header else 0
    starts = [found.start() for found in _DECLARATION.finditer(text, first)]
    if not starts:
        return text
    return text[:first] + " " * (starts[-1] - first) + text[starts[-1] :]


def _spot(
    rules: Grammar, head: Source, tokens: list[Token], start: int, version: int, quoted: str | None
) -> Spot:
    run = Recovery(head, rules, list(tokens), [])
    accepts = run.expected()
    statement = [token for token in tokens if (token.start_pos or 0) >= run.statements.start]
    opened = max((i for i, token in enumerate(tokens) if token.type in DECLARATIONS), default=0)
    where = run.statements.where()
    return Spot(start, accepts, where, statement, tokens[opened:], quoted, version=version)
