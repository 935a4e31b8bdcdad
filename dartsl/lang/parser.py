"""Text -> syntax tree, with every syntax fault of the text in one run."""

from __future__ import annotations

from lark import Token

from dartsl.lang.diagnostics import Diagnostic, SpecError, grouped
from dartsl.lang.grammar import grammar
from dartsl.lang.header import read_header
from dartsl.lang.recovery import SYNC, Recovery, too_deep
from dartsl.lang.source import Source
from dartsl.lang.strange import no_token
from dartsl.lang.syntax import Comment, File
from dartsl.lang.tree import Builder


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
    tokens, skipped = rules.tokens(header.text)
    faults = list(header.faults)
    if faults:
        if not tokens or tokens[0].type not in SYNC:
            return None, faults
        tokens.insert(0, Token("HEADER", "", start_pos=0, end_pos=0))
    strange = [token for token in skipped if token.type != "COMMENT"]
    faults += no_token(source, strange)
    run = Recovery(source, rules, tokens, [token.start_pos or 0 for token in strange])
    tree = run.parse()
    faults += run.faults
    builder = Builder(source, header.version)
    comments = tuple(_comment(source, token) for token in skipped if token.type == "COMMENT")
    file = builder.file(tree, comments)
    faults += [too_deep(span) for span in builder.too_deep]
    return file, grouped(sorted(faults, key=lambda fault: (fault.primary.span.start, fault.code)))


def _comment(source: Source, token: Token) -> Comment:
    start = token.start_pos or 0
    line, column = source.position(start)
    own_line = not source.line(line)[: column - 1].lstrip("\ufeff").strip()
    return Comment(str(token).rstrip(), start, own_line)
