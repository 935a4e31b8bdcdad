"""Diagnostics -> text for a terminal, or plain data for editors."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import click

from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Source, Span
from dartsl.lang.codes.table import page

TAB = 4
MOST = 100  # reports shown
_WIDEST = 140  # columns of a source line; of a longer one the part around the label is shown


@dataclass(frozen=True)
class Size:
    """What a check counts: the edges of all cells; the layers and the nodes that offer a choice (darts 2)."""

    edges: int = 0
    layers: int = 0
    nodes: int = 0


def render(diagnostics: Iterable[Diagnostic], *, color: bool = False) -> str:
    """The reports one below the other, an empty line between two of them; no line end after the last.

    Of more than MOST the others are counted, and not shown.
    """
    found = list(diagnostics)
    reports = [_Report(diagnostic, color).text() for diagnostic in found[:MOST]]
    if len(found) > MOST:
        reports.append(f"and {len(found) - MOST:,} more, which are not shown")
    return "\n\n".join(reports)


def summary(name: str, diagnostics: Sequence[Diagnostic], size: Size) -> str:
    """`x.darts: 2 errors, 0 warnings, 3 edges`"""
    errors = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
    counts = [(errors, "error"), (len(diagnostics) - errors, "warning"), (size.edges, "edge")]
    words = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts]
    for count, word in ((size.layers, "layer"), (size.nodes, "node")):
        words += [f"{count} {word}{'' if count == 1 else 's'} with a choice"] if count else []
    return f"{name}: " + ", ".join(words)


def report(name: str, diagnostics: Sequence[Diagnostic], size: Size, *, color: bool = False) -> str:
    """All reports and the summary line below them."""
    line = summary(name, diagnostics, size)
    return f"{render(diagnostics, color=color)}\n\n{line}" if diagnostics else line


def to_json(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """Plain data: lines and columns from 1, the end column after the last character."""
    return [
        {
            "code": diagnostic.code,
            "url": page(diagnostic.code),
            "severity": diagnostic.severity,
            "title": diagnostic.title,
            "primary": _label_json(diagnostic.primary),
            "secondary": [_label_json(label) for label in diagnostic.secondary],
            "help": diagnostic.help,
        }
        for diagnostic in diagnostics
    ]


def _label_json(label: Label) -> dict[str, Any]:
    line, column = label.span.position
    end_line, end_column = label.span.source.position(label.span.end)
    return {
        "file": label.span.source.name,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "text": label.text,
    }


class _Report:
    def __init__(self, diagnostic: Diagnostic, color: bool) -> None:
        self.diagnostic = diagnostic
        self.color = color
        labels = [diagnostic.primary, *diagnostic.secondary]
        self.gutter = max(len(str(label.span.position[0])) for label in labels)

    def text(self) -> str:
        """The lines of one report."""
        diagnostic = self.diagnostic
        kind = self._style(f"{diagnostic.severity}[{diagnostic.code}]", self._tone, bold=True)
        lines = [f"{kind}{self._style(f': {diagnostic.title}', bold=True)}"]
        home = diagnostic.primary.span.source
        here = [diagnostic.primary, *(label for label in diagnostic.secondary if label.span.source is home)]
        lines += self._block("-->", diagnostic.primary, here)
        others = [label for label in diagnostic.secondary if label.span.source is not home]
        for _, group in groupby(others, key=lambda label: id(label.span.source)):
            labels = list(group)
            lines += self._block(":::", labels[0], labels)
        if diagnostic.help:
            lines += [self._bar("|"), f"{self._bar('=')} help: {diagnostic.help}"]
        return "\n".join(lines)

    @property
    def _tone(self) -> str:
        return "red" if self.diagnostic.severity == "error" else "yellow"

    def _style(self, text: str, tone: str | None = None, *, bold: bool = False) -> str:
        return click.style(text, fg=tone, bold=bold or None) if self.color else text

    def _bar(self, sign: str, number: str = "") -> str:
        return self._style(f"{number:>{self.gutter}} {sign}", "blue")

    def _block(self, arrow: str, first: Label, labels: list[Label]) -> list[str]:
        """The labels in one file, line by line, each label on a line of its own below its text."""
        line, column = first.span.position
        pointer = self._style(f"{'':>{self.gutter}}{arrow}", "blue")
        out = [f"{pointer} {first.span.source.name}:{line}:{column}", self._bar("|")]
        ordered = sorted(labels, key=lambda label: label.span.position)
        last: int | None = None
        for number, group in groupby(ordered, key=lambda label: label.span.position[0]):
            if last is not None and number > last + 1:
                out.append(self._bar(":"))
            out += self._snippet(number, list(group))
            last = number
        return out

    def _snippet(self, number: int, labels: list[Label]) -> list[str]:
        source = labels[0].span.source
        line = source.line(number)
        ends = [_columns(label.span, source, number) for label in labels]
        left, right = _window(line, ends)
        shown = _display(line[left:right])
        mark_left, mark_right = ("..." if left else ""), ("..." if right < len(line) else "")
        out = [f"{self._bar('|', str(number))} {mark_left}{shown}{mark_right}".rstrip()]
        for label, (start, end) in zip(labels, ends, strict=True):
            primary = label is self.diagnostic.primary
            start, end = max(start, left), min(max(end, start + 1), max(right, start + 1))
            before = _width(line[left:start])
            wide = (
                _width(line[left:end]) - before if end <= len(line) else max(_width(line[left:]) - before, 1)
            )
            marks = self._style(("^" if primary else "-") * max(wide, 1), self._tone if primary else "blue")
            text = f" {self._style(label.text, self._tone if primary else 'blue')}" if label.text else ""
            out.append(f"{self._bar('|')} {' ' * (len(mark_left) + before)}{marks}{text}")
        return out


def _columns(span: Span, source: Source, number: int) -> tuple[int, int]:
    """The part of a span that is on its first line, as indices into that line."""
    start = span.position[1] - 1
    end = start + span.end - span.start
    return start, max(min(end, len(source.line(number))), start)


def _window(line: str, ends: list[tuple[int, int]]) -> tuple[int, int]:
    """The part of a long line to show: around the leftmost label."""
    if len(line) <= _WIDEST:
        return 0, len(line)
    left = max(0, min(start for start, _ in ends) - _WIDEST // 4)
    return left, min(len(line), left + _WIDEST)


def _display(text: str) -> str:
    """A piece of a line as it is printed: tabs as blanks, control characters as their pictures."""
    out = []
    width = 0
    for char in text:
        if char == "\t":
            piece = " " * (TAB - width % TAB)
        elif ord(char) < 0x20:
            piece = chr(0x2400 + ord(char))
        elif unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            piece = "\ufffd"
        else:
            piece = char
        width += _char_width(piece) if piece and char != "\t" else len(piece)
        out.append(piece)
    return "".join(out)


def _char_width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _width(text: str) -> int:
    """The columns that a piece of a line takes on a terminal."""
    return sum(_char_width(char) for char in _display(text))
