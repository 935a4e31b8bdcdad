"""Text -> syntax tree, with every syntax fault of the text in one run.

Lark's tables drive the parse token by token. After a fault the parser drops the statement it was in and goes
on at the next keyword that begins one (panic mode), so that one mistake makes one report.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

from lark import Token, Tree, UnexpectedToken
from lark.parsers.lalr_analysis import Shift

from dartsl.lang.diagnostics import Diagnostic, Label, SpecError
from dartsl.lang.grammar import HEADER, VERSIONS, Grammar, grammar
from dartsl.lang.source import Source, Span
from dartsl.lang.syntax import Comment, File
from dartsl.lang.syntax_faults import DECLARATIONS, ITEMS, Place, keyword_as_name, no_token, shown, unexpected
from dartsl.lang.tree import MAX_DEPTH, Builder

MAX_INTEGER = 10**9
_MAX_DIGITS = 40  # of any number; a longer one is a slip, and slow to compute with
_SYNC = DECLARATIONS | ITEMS | {"IMPORT"}
_OPENERS = {"LPAR": "RPAR", "LBRACE": "RBRACE", "LSQB": "RSQB"}
_CLOSERS = frozenset(_OPENERS.values())


def parse(source: Source) -> File:
    """The syntax tree of a text. Raises SpecError with every syntax fault found."""
    file, faults = parse_recovering(source)
    if file is None or faults:
        raise SpecError(faults)
    return file


def parse_recovering(source: Source) -> tuple[File | None, list[Diagnostic]]:
    """What could be read of a text, and every syntax fault in it, in order.

    Statements with a fault are left out of the file. It is None where the version of the language is
    unknown, since nothing can be read then. A byte-order mark may start the text.
    """
    text = " " + source.text[1:] if source.text.startswith("\ufeff") else source.text
    header = HEADER.match(text)
    version = int(header[1][-9:]) if header else VERSIONS[-1]
    if header and version not in VERSIONS:
        known = ", ".join(str(number) for number in VERSIONS)
        span = Span(source, header.start(1), header.end(1))
        title = f"version {shown(header[1])} of the language is unknown"
        return None, [Diagnostic("E0102", title, Label(span, f"this dartsl reads version {known}"))]
    rules = grammar(version)
    tokens, skipped = rules.tokens(text)
    faults: list[Diagnostic] = []
    if not header:
        faults.append(_no_header(source, tokens, version))
        if not tokens or tokens[0].type not in _SYNC:
            return None, faults
        tokens.insert(0, Token("HEADER", "", start_pos=0, end_pos=0))
    strange = [token for token in skipped if token.type != "COMMENT"]
    faults += no_token(source, strange)
    run = _Run(source, rules, tokens, [token.start_pos or 0 for token in strange])
    tree = run.parse()
    faults += run.faults
    builder = Builder(source, version)
    comments = tuple(_comment(source, token) for token in skipped if token.type == "COMMENT")
    file = builder.file(tree, comments)
    faults += [_too_deep(span) for span in builder.too_deep]
    return file, sorted(faults, key=lambda fault: (fault.primary.span.start, fault.code))


def _comment(source: Source, token: Token) -> Comment:
    start = token.start_pos or 0
    line, column = source.position(start)
    own_line = not source.line(line)[: column - 1].lstrip("\ufeff").strip()
    return Comment(str(token).rstrip(), start, own_line)


def _no_header(source: Source, tokens: list[Token], version: int) -> Diagnostic:
    start = tokens[0].start_pos or 0 if tokens else len(source.text.rstrip())
    end = tokens[0].end_pos or start if tokens else start
    label = Label(Span(source, start, end), f"expected `darts {version}`")
    help = f"a file starts with the version of the language that it is written in: `darts {version}`"
    return Diagnostic("E0102", f"`darts {version}` is missing", label, help=help)


def _too_deep(span: Span) -> Diagnostic:
    label = Label(span, f"more than {MAX_DEPTH} levels")
    return Diagnostic("E0104", "nested too deep", label, help="give a part of it a name with `op`")


@dataclass(frozen=True)
class _Bracket:
    closer: str
    body: bool  # the braces of a cell, a network or settings
    height: float  # of the parser's stack once it was read; infinite for what was skipped


class _Run:
    """One parse with recovery."""

    def __init__(self, source: Source, rules: Grammar, tokens: list[Token], strange: list[int]) -> None:
        self.source = source
        self.rules = rules
        self.tokens = tokens
        self.strange = strange
        self.faults: list[Diagnostic] = []
        self.parser = rules.start()
        self.brackets: list[_Bracket] = []
        end = len(source.text.rstrip()) if not tokens else tokens[-1].end_pos or 0
        self.end = Token("$END", "", start_pos=end, end_pos=end)
        self.whole = False  # whether the statement before the fault may be whole, and so is kept

    def parse(self) -> Tree[Token]:
        """Feeds all tokens; the tree of everything that could be read."""
        index = 0
        while index < len(self.tokens):
            token = self.tokens[index]
            if token.type in _OPENERS and len(self.brackets) >= MAX_DEPTH:
                self.faults.append(_too_deep(self._span(token)))
                index = self._resume(index)
                continue
            try:
                self.parser.feed_token(token)
            except UnexpectedToken:
                index = self._fault(index)
                continue
            self._check_number(token)
            self._track(token)
            index += 1
        try:
            return self._finish()
        except UnexpectedToken:
            self._report(len(self.tokens), self.parser.accepts())  # type: ignore[no-untyped-call]
            self.whole = False
            self._unwind("$END")
            return self._finish()

    def _finish(self) -> Tree[Token]:
        tree = self.parser.feed_token(self.end)
        assert isinstance(tree, Tree)
        return tree

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
        accepts = self.parser.accepts()  # type: ignore[no-untyped-call]
        if token in self.rules.keywords and self._meant_as_name(index, accepts):
            self.faults.append(keyword_as_name(token, self._span(token)))
            self.tokens[index] = Token.new_borrow_pos("NAME", str(token), token)
            return index
        self._report(index, accepts)
        return self._resume(index)

    def _report(self, index: int, accepts: set[str]) -> None:
        token = self._at(index)
        before = self.tokens[index - 1].end_pos or 0 if index else 0
        here = len(self.source.text) if token is self.end else token.start_pos or 0
        if any(before <= start <= here for start in self.strange):
            return  # what is no token stands just before it and has its own report
        place = Place(self.rules, token, self._span(token), accepts, self._starts_line(index))
        self.faults.append(unexpected(place))

    def _meant_as_name(self, index: int, accepts: set[str]) -> bool:
        """Whether a keyword stands for a name; after an unfinished statement it may start the next one."""
        token = self.tokens[index]
        if "NAME" not in accepts:
            return False
        if token.type not in _SYNC:
            return True
        following = self._at(index + 1)
        same_line = not self._starts_line(index) or following.type == "EQUAL"
        return same_line and self._fits(Token("NAME", str(token)), following)

    def _fits(self, *tokens: Token) -> bool:
        """Whether these tokens could come next, tried on a copy that builds no tree."""
        probe = self.parser.copy(deepcopy_values=False)  # type: ignore[no-untyped-call]
        probe.parser_state.parse_conf = copy(probe.parser_state.parse_conf)
        probe.parser_state.parse_conf.callbacks = {}
        try:
            for token in tokens:
                probe.feed_token(token)
        except UnexpectedToken:
            return False
        return True

    def _check_number(self, token: Token) -> None:
        if token.type not in ("INT", "FLOAT"):
            return
        exponent = token.lower().partition("e")[2].lstrip("+-0")
        fine = len(token) <= _MAX_DIGITS and len(exponent) <= 2 and float(token) <= MAX_INTEGER
        if not fine:
            label = Label(
                self._span(token), f"at most {_MAX_DIGITS} characters long and {MAX_INTEGER:,} large"
            )
            self.faults.append(Diagnostic("E0105", f"the number {shown(token)} is too large", label))

    # ----------------------------------------------------------- recovery

    def _track(self, token: Token) -> None:
        """Keeps the open brackets in step with a token that the parser took."""
        if token.type in _OPENERS:
            body = token.type == "LBRACE" and self._is_body(self.parser.parser_state.position)
            height = len(self.parser.parser_state.state_stack)
            self.brackets.append(_Bracket(_OPENERS[token.type], body, height))
        elif token.type in _CLOSERS:
            self.brackets.pop()

    def _resume(self, index: int) -> int:
        """Skips to a token that starts or ends a statement and readies the parser for it; its index."""
        self.whole = index > 0 and (self.tokens[index - 1].type == "RBRACE" or self._starts_line(index))
        while index < len(self.tokens):
            token = self.tokens[index]
            if self._is_setting(index) and self._unwind("NAME"):
                return index
            if token.type in _SYNC:
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
        state = self.parser.parser_state
        lowest: float = 1
        if kind in ITEMS or kind in ("NAME", "RBRACE"):  # inside the braces that are open
            lowest = max((bracket.height for bracket in self.brackets if bracket.body), default=float("inf"))
        for height in range(len(state.state_stack), 0, -1):
            if height < lowest:
                return False
            whole = height == len(state.state_stack) and self.whole and self._fits(Token(kind, ""))
            if whole or self._ready(state.state_stack[height - 1], kind):
                del state.state_stack[height:]
                del state.value_stack[height - 1 :]
                while self.brackets and self.brackets[-1].height > height:
                    self.brackets.pop()
                return True
        return False

    def _ready(self, position: int, kind: str) -> bool:
        """Whether a state of the parser stands between two statements and takes a token of this kind."""
        actions = self.parser.parser_state.parse_conf.states[position]
        if kind in ("NAME", "RBRACE"):
            return self._is_body(position) and kind in actions and actions[kind][0] is Shift
        if (
            kind in DECLARATIONS or kind == "$END"
        ):  # only `cell` tells the top level from what follows `extern`
            kind = "CELL"
        return kind in actions and actions[kind][0] is Shift

    def _is_body(self, position: int) -> bool:
        actions = self.parser.parser_state.parse_conf.states[position]
        shifts = {kind for kind, (action, _) in actions.items() if action is Shift}
        return "RBRACE" in shifts and bool(shifts & {"INPUT", "NAME"})
