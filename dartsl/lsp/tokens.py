"""Semantic tokens: what each word of a text is, more exactly than its spelling tells."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types as lsp

from dartsl.lang.codes.source import HEADER
from dartsl.lang.syntax.grammar import VERSIONS, grammar
from dartsl.lsp.documents import Document
from dartsl.lsp.names import Occurrence

TYPES = (
    "keyword", "function", "enum", "class", "namespace", "parameter", "variable", "property", "macro", "string",
    "number", "comment", "operator",
)  # fmt: skip
MODIFIERS = ("declaration", "defaultLibrary")
LEGEND = lsp.SemanticTokensLegend(list(TYPES), list(MODIFIERS))
_OF_NAMES = {
    "operation": "function",
    "choice": "enum",
    "cell": "class",
    "network": "namespace",
    "parameter": "parameter",
    "input": "variable",
    "node": "variable",
    "setting": "property",
    "built-in": "macro",
    "import": "string",
}
_OF_KINDS = {"STRING": "string", "INT": "number", "FLOAT": "number", "SCHEDULE": "function"}
_OPERATORS = frozenset("|>*/+-=") | {"->", "=>", ".."}


def semantic_tokens(document: Document) -> lsp.SemanticTokens:
    """All tokens of a text, each with its distance from the one before, as the protocol has them."""
    data: list[int] = []
    line = column = 0
    place = document.positions.place
    for start, end, kind, modifiers in sorted(_tokens(document)):
        (first, left), (last, right) = place(start), place(end)
        if first != last or start == end:
            continue
        data += [
            first - line,
            left - (0 if first > line else column),
            right - left,
            TYPES.index(kind),
            modifiers,
        ]
        line, column = first, left
    return lsp.SemanticTokens(data)


def _tokens(document: Document) -> Iterator[tuple[int, int, str, int]]:
    source = document.source
    header = HEADER.match(source.text)
    rules = grammar(source.version if source.version in VERSIONS else VERSIONS[-1])
    named: dict[tuple[int, int], Occurrence] = {}
    for one in document.names:
        if not one.spread:
            named.setdefault((one.span.start, one.span.end), one)
    ends = {end for one in document.names if one.spread for end in (one.span.start, one.span.end)}
    found = rules.tokens(source.text)
    for token in [*found.kept, *found.comments]:
        start, end = token.start_pos or 0, token.end_pos or 0
        known = named.get((start, end))
        if known is not None:
            yield start, end, _OF_NAMES[known.symbol.kind], _modifiers(document, known)
        elif token.type == "NAME" and (start in ends or end in ends):
            yield start, end, "variable", 0
        elif token.type == "COMMENT":
            yield start, end, "comment", 0
        elif token.type == "HEADER" or str(token) in rules.keywords:
            if token.type != "HEADER" or header is not None:
                yield start, end, "keyword", 0
        elif token.type in _OF_KINDS:
            yield start, end, _OF_KINDS[token.type], 0
        elif str(token) in _OPERATORS:
            yield start, end, "operator", 0


def _modifiers(document: Document, one: Occurrence) -> int:
    """Bits: whether a name is declared there, and whether it is the language's own."""
    declared = document.declared.get(one.symbol.name)
    primitive = (
        one.symbol.kind == "operation"
        and bool(document.loaded.files)
        and (declared is not None and declared.span.source is document.loaded.files[0].source)
    )
    return one.declares * 1 + primitive * 2
