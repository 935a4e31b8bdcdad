"""The TextMate grammar of `.darts` files: every word in it comes from the Lark grammars and the tables of the language.

`pytest tests/editors --update-golden` writes it to grammars/editors/vscode.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from dartsl.lang.check.resolve import RESERVED, RESERVED_2
from dartsl.lang.records.primitives import PRIMITIVES
from dartsl.lang.syntax.grammar import VERSIONS, keywords

NAME = "[A-Za-z_][A-Za-z0-9_]*"
DECLARATIONS = {"op", "ops", "cell", "network", "extern", "search", "train"}
CONSTANTS = {"true", "false"}
DEMANDED = {"C", "Cin", "stride", "shape"}

Rule = dict[str, object]


def words() -> frozenset[str]:
    """The keywords of all versions."""
    return frozenset().union(*map(keywords, VERSIONS))


def built_in() -> set[str]:
    """Names that the language has: primitives, merges, `scan`, the kinds of input."""
    return {*PRIMITIVES, *RESERVED, *RESERVED_2} - DEMANDED


def any_of(names: Iterable[str]) -> str:
    return rf"\b(?:{'|'.join(sorted(names))})\b"


def rule(scope: str, match: str) -> Rule:
    return {"name": f"{scope}.darts", "match": match}


def declared(keywords: str, scope: str) -> Rule:
    """A keyword and the name that it declares, which stands on the same line."""
    captures = {"1": {"name": "storage.type.darts"}, "2": {"name": f"{scope}.darts"}}
    return {"match": rf"\b({keywords})[ \t]+({NAME})", "captures": captures}


def rules() -> list[Rule]:
    """First come the rules that take precedence."""
    statements = words() - DECLARATIONS - CONSTANTS - {"import"}
    return [
        {
            "match": r"(#[ \t]*dartsl:[ \t]*allow\b)(.*)$",
            "captures": {
                "1": {"name": "comment.line.number-sign.darts keyword.other.directive.darts"},
                "2": {"name": "comment.line.number-sign.darts"},
            },
        },
        rule("comment.line.number-sign", "#.*$"),
        rule("string.quoted.double", r'"[^"]*"'),
        rule("invalid.illegal.string", r'"[^"]*$'),
        {
            "match": r"\b(darts)[ \t]+([0-9]+)",
            "captures": {
                "1": {"name": "keyword.control.version.darts"},
                "2": {"name": "constant.numeric.integer.darts"},
            },
        },
        rule("keyword.control.import", r"\bimport\b"),
        declared("ops?", "entity.name.function"),
        declared("cell|network", "entity.name.type"),
        rule("storage.type", any_of(DECLARATIONS)),
        rule("constant.language.boolean", any_of(CONSTANTS)),
        rule("keyword.other", any_of(statements)),
        rule("variable.parameter", rf"\b{NAME}(?=[ \t]*=(?!>))"),
        rule("variable.language", any_of(DEMANDED)),
        rule("support.function", any_of(built_in())),
        rule("entity.name.function.call", rf"\b{NAME}(?=[ \t]*\()"),
        rule("variable.other", rf"\b{NAME}"),
        rule("constant.numeric.float", r"[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+"),
        rule("constant.numeric.integer", r"[0-9]+"),
        rule("keyword.operator", r"->|=>|\.\.|[|>+\-*/=]"),
        rule("punctuation", r"[(){}\[\],:]"),
        rule("invalid.illegal", r"[^ \t]"),
    ]


def textmate() -> str:
    """The grammar as JSON."""
    grammar = {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "DARTS",
        "scopeName": "source.darts",
        "fileTypes": ["darts"],
        "patterns": rules(),
    }
    return json.dumps(grammar, indent=2) + "\n"
