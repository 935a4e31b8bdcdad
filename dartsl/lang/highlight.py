"""A Pygments lexer of `.darts` files: Sphinx, MkDocs, Jupyter and all else that colours by Pygments know the language.

Pygments finds it by the entry point `pygments.lexers`; nothing in dartsl imports it. What it colours may be part of a
spec, of any version, with faults. So it has expressions of its own; tests hold them and the grammars together.
"""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups, default, include, words
from pygments.token import Comment, Error, Keyword, Name, Number, Operator, Punctuation, String, Whitespace

from dartsl.lang.check.resolve import RESERVED, RESERVED_2
from dartsl.lang.codes.source import HEADER
from dartsl.lang.records.primitives import PRIMITIVES

_ITEMS = ("all", "edge", "head", "input", "keep", "match", "node", "output", "stage", "stem", "width")
_DEMANDED = ("C", "Cin", "stride", "shape")  # what is asked of a body, by the names that stand for it there
_BUILT_IN = tuple(sorted({*PRIMITIVES, *RESERVED, *RESERVED_2} - {*_DEMANDED}))


class DartsLexer(RegexLexer):  # type: ignore[misc]  # Pygments has no types
    """Colours the text of a `darts` block or file."""

    name = "DARTS"
    aliases: ClassVar[list[str]] = ["darts"]
    filenames: ClassVar[list[str]] = ["*.darts"]
    mimetypes: ClassVar[list[str]] = ["text/x-darts"]
    url = "https://github.com/dartsl/dartsl"
    version_added = ""

    tokens: ClassVar = {
        "root": [
            include("blank"),
            (r"(darts)([ \t]+)([0-9]+)", bygroups(Keyword.Namespace, Whitespace, Number.Integer)),
            (r"import\b", Keyword.Namespace),
            (r"ops?\b", Keyword.Declaration, "operation"),
            (r"(?:cell|network)\b", Keyword.Declaration, "block"),
            (words(("extern", "search", "train"), suffix=r"\b"), Keyword.Declaration),
            (words(("true", "false"), suffix=r"\b"), Keyword.Constant),
            (words(_ITEMS, suffix=r"\b"), Keyword),
            (r"[A-Za-z_][A-Za-z0-9_]*(?=[ \t\r\n]*=(?!>))", Name.Attribute),
            (words(_DEMANDED, suffix=r"\b"), Name.Builtin.Pseudo),
            (words(_BUILT_IN, suffix=r"\b"), Name.Builtin),
            (r"[A-Za-z_][A-Za-z0-9_]*(?=[ \t\r\n]*\()", Name.Function),
            (r"[A-Za-z_][A-Za-z0-9_]*", Name),
            (r"[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+", Number.Float),
            (r"[0-9]+", Number.Integer),
            (r'"[^"\r\n]*"', String.Double),
            (r'"[^"\r\n]*', Error),  # a string that is not closed
            (r"->|=>|\.\.|[|>+\-*/=]", Operator),
            (r"[(){}\[\],:]", Punctuation),
        ],
        "blank": [
            (r"[ \t\r\n]+", Whitespace),
            (r"(#[ \t]*dartsl:[ \t]*allow\b)([^\n]*)", bygroups(Comment.Special, Comment.Single)),
            (r"#[^\n]*", Comment.Single),
        ],
        "operation": [
            include("blank"),
            (r"[A-Za-z_][A-Za-z0-9_]*", Name.Function, "#pop"),
            default("#pop"),
        ],
        "block": [
            include("blank"),
            (r"[A-Za-z_][A-Za-z0-9_]*", Name.Class, "#pop"),
            default("#pop"),
        ],
    }

    @staticmethod
    def analyse_text(text: str) -> float:
        """How likely a text is a spec, from 0 to 1: by its header, which every spec has."""
        return float(HEADER.match(text) is not None)
