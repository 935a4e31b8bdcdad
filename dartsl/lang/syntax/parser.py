"""Text -> syntax tree, with every syntax fault of the text in one run."""

from __future__ import annotations

from bisect import bisect_left

from lark import Token

from dartsl.lang.codes import e01
from dartsl.lang.codes.diagnostics import Diagnostic, SpecError, grouped
from dartsl.lang.codes.limits import MAX_STRANGE, MAX_TOKENS, too_large
from dartsl.lang.codes.source import Source, Span
from dartsl.lang.syntax.ast import Comment, File
from dartsl.lang.syntax.grammar import Tokens, grammar
from dartsl.lang.syntax.header import read_header
from dartsl.lang.syntax.recovery import SYNC, Recovery
from dartsl.lang.syntax.strange import comment_lines, no_token
from dartsl.lang.syntax.tree import MAX_DEPTH, Builder


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
    header = read_header(source)
    if header.version is None:
        return None, list(header.faults)
    rules = grammar(header.version)
    found = rules.tokens(header.text)
    tokens = found.kept
    faults = list(header.faults)
    if faults:
        if not tokens or tokens[0].type not in SYNC:
            return None, faults
        tokens.insert(0, Token("HEADER", "", start_pos=0, end_pos=0))
    comments_of_others = comment_lines(source, found.strange)
    if comments_of_others:
        tokens = [token for token in tokens if not _within(token.start_pos or 0, comments_of_others)]
    faults += no_token(source, found.strange)
    if not found.whole:
        return None, grouped([_unread(source, found), *faults])
    builder = Builder(source, header.version)
    run = Recovery(source, rules, tokens, [token.start_pos or 0 for token in found.strange], builder)
    read = run.parse()
    skipped = sorted([*run.skipped, *comments_of_others])
    faults = [fault for fault in faults if not _within(fault.primary.span.start, skipped)] + run.faults
    if not header.meant:  # of a file without a header not much more can be said
        faults = list(header.faults)
    comments = tuple(_comment(source, token) for token in found.comments)
    file = builder.file(read, comments)
    faults += [e01.too_deep(span, MAX_DEPTH) for span in builder.too_deep]
    return file, grouped(sorted(faults, key=lambda fault: (fault.primary.span.start, fault.code)))


def _within(place: int, ranges: list[tuple[int, int]]) -> bool:
    """Whether a place is after the start of one of some ranges, which are in order, and before its end."""
    last = bisect_left(ranges, (place, 0)) - 1
    return last >= 0 and place < ranges[last][1]


def _unread(source: Source, found: Tokens) -> Diagnostic:
    """Why a text was not read to its end."""
    last = max((found.kept[-1:] + found.comments[-1:] + found.strange[-1:]), key=lambda t: t.start_pos or 0)
    span = Span(source, last.start_pos or 0, last.end_pos or 0)
    if len(found.strange) <= MAX_STRANGE:
        return too_large(span, "words and signs", MAX_TOKENS + 1, MAX_TOKENS)
    return e01.too_strange(span, MAX_STRANGE)


def _comment(source: Source, token: Token) -> Comment:
    start = token.start_pos or 0
    line, column = source.position(start)
    own_line = not source.line(line)[: column - 1].lstrip("\ufeff").strip()
    return Comment(str(token).rstrip(), start, own_line)
