"""What to say about a token that cannot stand where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from difflib import get_close_matches

from lark import Token

from dartsl.lang.codes import e01
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.source import Span
from dartsl.lang.syntax.grammar import Grammar
from dartsl.lang.syntax.paths import printable
from dartsl.lang.syntax.slips import Finding, Site

OPERATORS = frozenset({"VBAR", "MORETHAN", "STAR", "SLASH", "PLUS", "MINUS"})
DECLARATIONS = frozenset({"OP", "EXTERN", "OPS", "CELL", "NETWORK", "SEARCH", "TRAIN"})
CELL_ITEMS = frozenset({"INPUT", "NODE", "EDGE", "OUTPUT"})
NETWORK_ITEMS = frozenset({"INPUT", "STEM", "STAGE", "HEAD"})
ITEMS = CELL_ITEMS | NETWORK_ITEMS
NEXT = DECLARATIONS | ITEMS | {"IMPORT", "RBRACE", "$END"}  # what may follow a finished item

_VALUES = frozenset(
    {"NAME", "INT", "FLOAT", "STRING", "TRUE", "FALSE", "MATCH", "MINUS", "LPAR", "LSQB", "VBAR", "SCHEDULE"}
)
_WORDS = {
    "NAME": "a name",
    "INT": "a whole number",
    "FLOAT": "a number",
    "STRING": "a string in double quotes",
    "HEADER": "`darts 1`",
    "$END": "the end of the file",
}


@dataclass(frozen=True)
class Place:
    """A token that does not fit, and what would fit there."""

    grammar: Grammar
    token: Token  # of type $END at the end of the file
    span: Span
    accepts: Set[str]
    starts_line: bool

    @property
    def after_expression(self) -> bool:
        return "STAR" in self.accepts

    @property
    def unfinished(self) -> bool:
        """Whether the next statement starts, on a line of its own, before the one above it is whole."""
        starts_next = self.token.type in NEXT - {"$END"}
        return starts_next and self.starts_line and not self.accepts & NEXT

    @property
    def before_expression(self) -> bool:
        return {"FLOAT", "LPAR"} <= self.accepts


def shown(text: str, limit: int = 40) -> str:
    """A piece of the user's text in backquotes, safe to print and not too long."""
    text = text if len(text) <= limit else text[: limit - 3] + "..."
    return f"`{printable(text)}`"


def alternatives(words: Iterable[str]) -> str:
    """`a`, `a or b`, `a, b or c`"""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def unexpected(place: Place, site: Site) -> Diagnostic:
    """The E0100 for a token that does not fit, where no slip is known."""
    source = place.span.source
    if place.unfinished and site.where != "top":
        end = place.span.start - site.blank
        statement = site.where.rpartition(" ")[2]
        return e01.incomplete(Span(source, end, end), statement, _expected(place), _help(place))
    what = "end of the file" if place.token.type == "$END" else shown(place.token)
    return e01.unexpected(place.span, what, _expected(place), _help(place))


def slipped(found: Finding, span: Span) -> Diagnostic:
    """The E0100 for a token, at `span`, where a slip is known."""
    source, start = span.source, span.start
    marked = Span(source, start + found.start, start + found.end)
    title = found.title or f"unexpected {shown(' '.join(marked.text.split()))}"
    return e01.slip(marked, title, found.label, found.help, str(id(found.slip)))


def _word(grammar: Grammar, kind: str) -> str:
    return _WORDS.get(kind) or f"`{grammar.spelling[kind]}`"


def _words(grammar: Grammar, kinds: Iterable[str]) -> list[str]:
    """Spelt tokens in order of their spelling, the end of the file last."""
    return sorted((_word(grammar, kind) for kind in kinds), key=lambda word: (not word.startswith("`"), word))


def _expected(place: Place) -> str:
    if place.before_expression:
        others = place.accepts - _VALUES
        return "expected " + alternatives(["an expression", *_words(place.grammar, others)])
    if "LSQB" in place.accepts:
        others = place.accepts - _VALUES
        return "expected " + alternatives(["a value", *_words(place.grammar, others)])
    rest = place.accepts
    if place.after_expression:
        rest = rest - OPERATORS - {"LPAR", "_TO", "EQUAL"}
        if place.token.type != "$END":
            if rest <= NEXT | {"KEEP"}:
                return "expected an operator, or the next item"
            return "expected " + alternatives(["an operator", *_words(place.grammar, rest)])
    elif rest & (ITEMS | DECLARATIONS) and not rest <= NEXT:
        return "expected " + alternatives([*_words(place.grammar, rest - NEXT), "the next item"])
    return "expected " + alternatives(_words(place.grammar, rest)) if rest else "nothing can follow here"


def _help(place: Place) -> str | None:
    if place.unfinished and "RPAR" in place.accepts:
        return "close the parenthesis with `)`"
    return _did_you_mean(place) or _misplaced_keyword(place) or _arrow(place) or _missing(place)


def misspelt(place: Place) -> str | None:
    """The keyword that a name may have been meant for."""
    if place.token.type != "NAME":
        return None
    kinds = place.accepts if place.starts_line else place.accepts & {"KEEP", "WIDTH"}
    near = get_close_matches(place.token.lower(), [place.grammar.spelling.get(kind, "") for kind in kinds])
    return next((word for word in near if word.isidentifier()), None)


def _did_you_mean(place: Place) -> str | None:
    near = misspelt(place)
    return f"did you mean `{near}`?" if near else None


def _misplaced_keyword(place: Place) -> str | None:
    kind, accepts = place.token.type, place.accepts
    if kind == "HEADER":
        return "the version of the language is given once, at the top of the file"
    if kind in DECLARATIONS | {"IMPORT"} and "RBRACE" in accepts:
        return "close the braces above with `}` first"
    if kind == "IMPORT":
        return "imports come before all declarations"
    if kind in ITEMS and not accepts & ITEMS and accepts & DECLARATIONS:
        homes = [home for home, items in (("cell", CELL_ITEMS), ("network", NETWORK_ITEMS)) if kind in items]
        return f"`{place.token}` belongs inside the braces of a {alternatives(f'`{home}`' for home in homes)}"
    if kind in ITEMS and accepts & ITEMS:
        home = "cell" if kind in CELL_ITEMS else "network"
        return f"`{place.token}` is an item of a `{home}`"
    return None


def _arrow(place: Place) -> str | None:
    if place.token.type == "_ARROW":
        if place.accepts == {"_GIVES"}:
            return "the arms of a `match` are written with `=>`"
        if place.after_expression:
            return "`->` draws an edge; operations are chained with `>`"
    if place.token.type == "_GIVES" and "_ARROW" in place.accepts:
        return "edges are drawn with `->`"
    return None


def _missing(place: Place) -> str | None:
    kind, accepts = place.token.type, place.accepts
    if kind not in _VALUES - {"VBAR", "MINUS", "LSQB"}:
        return None
    text = shown(place.token).strip("`")
    if place.after_expression:
        if "COMMA" in accepts:
            return f"separate arguments with a comma: `, {text}`"
        return f"to chain operations write `> {text}`; to offer a choice write `| {text}`"
    if kind == "NAME" and "COMMA" in accepts and "_TO" in accepts:
        if "COLON" in accepts and not accepts & ITEMS:
            return f"write `: {text}` for an operation, or `, {text}` for one more node"
        return f"separate names with a comma: `, {text}`"
    if kind == "NAME" and "LSQB" in accepts and not place.before_expression:
        return (
            "a value is a number, a string in double quotes, `true`, `false` or a list such as `[0.5, 0.9]`"
        )
    return None
