"""The faults of text that is no token (E0103)."""

from __future__ import annotations

import unicodedata

from lark import Token

from dartsl.lang.codes import e01
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.source import Source, Span
from dartsl.lang.syntax import foreign, slips
from dartsl.lang.syntax.syntax_faults import shown

_NAMES = "names are made of the letters a to z, digits and `_`"


def no_token(source: Source, skipped: list[Token]) -> list[Diagnostic]:
    """The E0103 for text that is no token; neighbouring characters make one report."""
    runs: list[tuple[str, int, str]] = []
    for token in skipped:
        start = token.start_pos or 0
        if runs and token.type == runs[-1][0] == "STRANGE" and start == runs[-1][1] + len(runs[-1][2]):
            runs[-1] = ("STRANGE", runs[-1][1], runs[-1][2] + token)
        else:
            runs.append((token.type, start, str(token)))
    return [_fault(source, kind, start, text) for kind, start, text in runs]


def comment_lines(source: Source, skipped: list[Token]) -> list[tuple[int, int]]:
    """The lines that start as comments of other languages do, by `%`: each from its sign to its end."""
    lines = []
    for token in skipped:
        start = token.start_pos or 0
        line, column = source.position(start)
        text = source.line(line)
        if token.startswith("%") and not text[: column - 1].strip():
            lines.append((start, start + len(text) - column + 1))
    return lines


def _fault(source: Source, kind: str, start: int, text: str) -> Diagnostic:
    line, column = source.position(start)
    before = source.line(line)[: column - 1][-slips.CONTEXT :]
    after = source.text[start : start + max(len(text), slips.CONTEXT)]
    found = slips.find_strange(slips.Site("", before, after))
    span = Span(source, start, start + len(text))
    if kind == "UNCLOSED":
        return e01.unclosed_string(span, found.help if found else None)
    label, help = "unexpected character" if len(text) == 1 else "unexpected characters", None
    group = f"{text} {kind}"
    if found is not None:
        span = Span(source, start + found.start, start + max(found.end, 1))
        label, help = found.label or label, found.help
        group = str(id(found.slip)) if kind == "FOREIGN" else group
    help = _advice(kind, text) or help or _respelt(text)
    return e01.strange(span, _named(text), label, help, group)


def _advice(kind: str, text: str) -> str | None:
    """What to write for a name of another tool, such as `nn.Conv2d`."""
    name = text.rpartition(".")[2]
    return foreign.operation(name) if kind == "FOREIGN" and name.isidentifier() else None


def _named(text: str) -> str:
    """The text, with its name where it is one sign that may not be seen for what it is."""
    if text.isascii() or text.isalpha() or len(set(text)) > 1:
        return shown(text)
    name = unicodedata.name(text[0], "").lower() or f"the character U+{ord(text[0]):04X}"
    return f"{shown(text)} ({name})" if text[0].isprintable() else f"a {name} (U+{ord(text[0]):04X})"


def _respelt(text: str) -> str | None:
    """The ASCII signs that look like it, if there are any."""
    alike = unicodedata.normalize("NFKC", text)
    if alike.isspace() or all(unicodedata.category(char) == "Cf" for char in text):
        return "replace it with an ordinary space: it may come from a web page or a word processor"
    if alike.isascii() and alike != text:
        return f"write `{alike}`"
    return _NAMES if text.isalpha() else "leave it out"
