"""Reading tokens to a parse tree, and on after each fault, so that all faults of a text are found in one run.

Lark's tables drive the parse token by token. After a fault the parser drops the statement it was in and goes
on at the next keyword that begins one (panic mode), so that one mistake makes one report.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, replace

from lark import Token

from dartsl.lang.codes import e01
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Source, Span
from dartsl.lang.codes.suggestions import MAX_SUGGESTIONS
from dartsl.lang.syntax import slips
from dartsl.lang.syntax.grammar import Grammar
from dartsl.lang.syntax.statements import Statements
from dartsl.lang.syntax.syntax_faults import (
    DECLARATIONS,
    ITEMS,
    NEXT,
    Place,
    misspelt,
    shown,
    slipped,
    unexpected,
)
from dartsl.lang.syntax.tree import MAX_DEPTH, Builder, Value

MAX_INTEGER = 10**9
SYNC = DECLARATIONS | ITEMS | {"IMPORT"}  # what starts a statement
_MAX_DIGITS = 40  # of any number; a longer one is a slip, and slow to compute with
_COMMENTS = re.compile(r"#[^\n]*")
_OPENERS = {"LPAR": "RPAR", "LBRACE": "RBRACE", "LSQB": "RSQB"}
_CLOSERS = frozenset(_OPENERS.values())
_TRACKED = SYNC | _CLOSERS | frozenset(_OPENERS)
_NUMBERS = ("INT", "FLOAT")


@dataclass(frozen=True)
class _Bracket:
    closer: str
    body: bool  # the braces of a cell, a network or settings
    height: float  # of the parser's stack once it was read; infinite for what was skipped


class Recovery:
    """One parse with recovery."""

    def __init__(
        self,
        source: Source,
        rules: Grammar,
        tokens: list[Token],
        strange: list[int],
        builder: Builder | None = None,
    ) -> None:
        self.source = source
        self.rules = rules
        self.tokens = tokens
        self.strange = strange
        self.faults: list[Diagnostic] = []
        self.parser = rules.start(builder)
        self.brackets: list[_Bracket] = []
        end = len(source.text.rstrip()) if not tokens else tokens[-1].end_pos or 0
        self.end = Token("$END", "", start_pos=end, end_pos=end)
        self.statements = Statements()
        self.skipped: list[tuple[int, int]] = []  # from each fault to where reading went on
        self.resumed = -1  # where reading went on after the last fault
        self.goes_on = False  # whether the text ends here only for now
        self.whole = False  # whether the statement before the fault may be whole, and so is kept

    def expected(self) -> frozenset[str]:
        """The kinds of tokens that may follow the last one, or, where that is in a statement with a fault, that may
        start the next one."""
        self.goes_on = True
        self._read()
        return self.parser.accepts()

    def parse(self) -> Value:
        """Feeds all tokens; what the builder made of everything that could be read."""
        self._read()
        if not self.parser.feed(self.end):
            accepts = self.parser.accepts()
            end = len(self.tokens)
            self._report(end, accepts, self._slip(end, accepts))
            self.whole = False
            self._unwind("$END")
            self.parser.feed(self.end)
        return self.parser.values[-1]

    def _read(self) -> None:
        index = 0
        while index < len(self.tokens):
            token = self.tokens[index]
            kind = token.type
            if kind in _OPENERS and len(self.brackets) >= MAX_DEPTH:
                self.faults.append(e01.too_deep(self._span(token), MAX_DEPTH))
                index = self._resume(index)
                continue
            if not self.parser.feed(self._as_schedule(index) if kind == "NAME" else token):
                index = self._fault(index)
                continue
            if kind in _NUMBERS:
                self._check_number(token)
            elif kind in _TRACKED:
                self._track(token)
            index += 1

    def _as_schedule(self, index: int) -> Token:
        """A name; a SCHEDULE, where such may stand, for one before a parenthesis."""
        token = self.tokens[index]
        if self._at(index + 1).type != "LPAR":
            return token
        takes = "SCHEDULE" in self.parser.choices
        return Token.new_borrow_pos("SCHEDULE", str(token), token) if takes else token

    def _span(self, token: Token) -> Span:
        return Span(self.source, token.start_pos or 0, token.end_pos or 0)

    def _at(self, index: int) -> Token:
        return self.tokens[index] if index < len(self.tokens) else self.end

    def _starts_line(self, index: int) -> bool:
        if index == 0:
            return True
        return "\n" in self.source.text[self.tokens[index - 1].end_pos : self._at(index).start_pos]

    # ------------------------------------------------------------- faults

    def _fault(self, index: int) -> int:
        """Reports the token that does not fit; where to go on."""
        token = self.tokens[index]
        accepts = self.parser.accepts()
        found = None if index == self.resumed else self._slip(index, accepts)
        if found is None and token in self.rules.keywords and self._meant_as_name(index, accepts):
            self.faults.append(e01.keyword(self._span(token), str(token)))
            self.tokens[index] = Token.new_borrow_pos("NAME", str(token), token)
            return index
        self._report(index, accepts, found)
        skip = found.slip.skip if found else ""
        following = self._after_block(index) if skip == "block" else index
        if skip == "line":
            following = next(
                (i for i in range(index + 1, len(self.tokens)) if self._starts_line(i)), len(self.tokens)
            )
        resumed = self._resume(following)
        self.skipped.append((token.start_pos or 0, self._at(resumed).start_pos or 0))
        self.statements.start = self._at(resumed).start_pos or 0
        self.resumed = resumed
        return resumed

    def _report(self, index: int, accepts: frozenset[str], found: slips.Finding | None) -> None:
        if self._is_strange(index, accepts):
            return  # what is no token stands before it and has its own report
        token = self._at(index)
        if found is not None:
            self.faults.append(slipped(found, self._span(token)))
            return
        fault = unexpected(self._place(index, accepts), self._site(index, accepts))
        if "RBRACE" in accepts and (token.type in DECLARATIONS or token is self.end):
            brace = Span(self.source, self.statements.brace, self.statements.brace + 1)
            fault = replace(fault, secondary=(Label(brace, "this `{` is still open"),))
        self.faults.append(fault)

    def _slip(self, index: int, accepts: frozenset[str]) -> slips.Finding | None:
        if (
            len(self.faults) > MAX_SUGGESTIONS
        ):  # what follows is read by nobody, and to look for slips takes long
            return None
        if self._is_strange(index, accepts) or misspelt(self._place(index, accepts)):
            return None
        return slips.find(self._site(index, accepts))

    def _place(self, index: int, accepts: frozenset[str]) -> Place:
        token = self._at(index)
        return Place(self.rules, token, self._span(token), accepts, self._starts_line(index))

    def _is_strange(self, index: int, accepts: frozenset[str]) -> bool:
        """Whether what is no token stands before a token: just before it, or in the statement that it is in."""
        before = self.tokens[index - 1].end_pos or 0 if index else 0
        if not self._between(index, accepts) and not self.statements.where().startswith("in "):
            before = min(before, self.statements.start)
        here = len(self.source.text) if index >= len(self.tokens) else self.tokens[index].start_pos or 0
        place = bisect_left(self.strange, before)
        return place < len(self.strange) and self.strange[place] <= here

    def _site(self, index: int, accepts: frozenset[str]) -> slips.Site:
        """The surroundings of a token that does not fit."""
        here = self._at(index).start_pos or 0
        last = self.tokens[index - 1].end_pos or 0 if index else 0
        text = self.source.text
        start = max(self.statements.start, here - slips.CONTEXT)
        where = self.statements.around() if self._between(index, accepts) else self.statements.where()
        before = _COMMENTS.sub(lambda comment: " " * len(comment[0]), text[start:here])
        return slips.Site(where, before, text[here : here + slips.CONTEXT], here - last)

    def _between(self, index: int, accepts: frozenset[str]) -> bool:
        """Whether a token starts a line, and the statement before it may be whole."""
        return bool(accepts & NEXT) and self._starts_line(index)

    def _after_block(self, index: int) -> int:
        """The end of the braces that open on the line of a token; the token itself where there are none."""
        depth = 0
        for place in range(index, len(self.tokens)):
            kind = self.tokens[place].type
            if depth == 0 and place > index and self._starts_line(place):
                return index
            depth += (kind == "LBRACE") - (kind == "RBRACE")
            if kind == "RBRACE" and depth == 0:
                return place + 1
        return index

    def _meant_as_name(self, index: int, accepts: frozenset[str]) -> bool:
        """Whether a keyword stands for a name; after an unfinished statement it may start the next one."""
        token = self.tokens[index]
        if "NAME" not in accepts:
            return False
        if token.type not in SYNC:
            return True
        following = self._at(index + 1)
        same_line = not self._starts_line(index) or following.type == "EQUAL"
        return same_line and self.parser.fits("NAME", following.type)

    def _check_number(self, token: Token) -> None:
        exponent = token.lower().partition("e")[2].lstrip("+-0")
        fine = len(token) <= _MAX_DIGITS and len(exponent) <= 2 and float(token) <= MAX_INTEGER
        if not fine:
            span = self._span(token)
            self.faults.append(e01.too_large_number(span, shown(token), MAX_INTEGER, _MAX_DIGITS))

    # ----------------------------------------------------------- recovery

    def _track(self, token: Token) -> None:
        """Keeps the open brackets in step with a token that the parser took."""
        if token.type in _OPENERS:
            body = token.type == "LBRACE" and self._is_body(self.parser.states[-1])
            height = len(self.parser.states)
            self.brackets.append(_Bracket(_OPENERS[token.type], body, height))
            if body:
                self.statements.enter(token)
        elif token.type in _CLOSERS:
            if self.brackets.pop().body:
                self.statements.leave(token)
        elif token.type in SYNC and (
            not self.brackets or self.brackets[-1].body
        ):  # no `stage(...)` in a list
            self.statements.begin(token)

    def _resume(self, index: int) -> int:
        """Skips to a token that starts or ends a statement and readies the parser for it; its index."""
        self.whole = index > 0 and (self.tokens[index - 1].type == "RBRACE" or self._starts_line(index))
        while index < len(self.tokens):
            token = self.tokens[index]
            if self._is_setting(index) and self._unwind("NAME"):
                return index
            if token.type in SYNC:
                if self._unwind(token.type):
                    return index
            elif token.type == "RBRACE":
                if self._close_brace() and self._unwind("RBRACE"):
                    return index
            elif token.type in _OPENERS:
                self.brackets.append(_Bracket(_OPENERS[token.type], False, float("inf")))
            elif token.type in _CLOSERS and self.brackets and self.brackets[-1].closer == token.type:
                self.brackets.pop()
            index += 1
        if self.goes_on:
            self.statements.drop()
        if not (self.goes_on and self._unwind("RBRACE")):
            self._unwind("$END")
        return index

    def _is_setting(self, index: int) -> bool:
        word = str(self.tokens[index]).isidentifier()
        return word and self._starts_line(index) and self._at(index + 1).type == "EQUAL"

    def _close_brace(self) -> bool:
        """Drops brackets up to the last open brace; whether that one is of a body (which then stays)."""
        while self.brackets and self.brackets[-1].closer != "RBRACE":
            self.brackets.pop()
        if self.brackets and not self.brackets[-1].body:
            self.brackets.pop()
            return False
        return bool(self.brackets)

    def _unwind(self, kind: str) -> bool:
        """Takes unfinished statements off the parser's stack until this kind of token can follow."""
        states, values = self.parser.states, self.parser.values
        lowest: float = 1
        if kind in ITEMS or kind in ("NAME", "RBRACE"):  # inside the braces that are open
            lowest = max((bracket.height for bracket in self.brackets if bracket.body), default=float("inf"))
        for height in range(len(states), 0, -1):
            if height < lowest:
                return False
            whole = height == len(states) and self.whole and self.parser.fits(kind)
            if whole or self._ready(states[height - 1], kind):
                del states[height:]
                del values[height - 1 :]
                while self.brackets and self.brackets[-1].height > height:
                    self.brackets.pop()
                return True
        return False

    def _ready(self, position: int, kind: str) -> bool:
        """Whether a state of the parser stands between two statements and takes a token of this kind."""
        if kind in ("NAME", "RBRACE") and not self._is_body(position):
            return False
        if (
            kind in DECLARATIONS or kind == "$END"
        ):  # only `cell` tells the top level from what follows `extern`
            kind = "CELL"
        return isinstance(self.parser.choices_in(position).get(kind), int)

    def _is_body(self, position: int) -> bool:
        choices = self.parser.choices_in(position)
        return isinstance(choices.get("RBRACE"), int) and any(
            isinstance(choices.get(kind), int) for kind in ("INPUT", "NAME")
        )
