"""Offsets of a text, as an editor counts them: lines from 0, and code units within one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from lsprotocol import types as lsp

from dartsl.lang.codes.source import Source, Span

MARK = "\ufeff"  # at the start of a text; a Source has it no longer


def units(text: str, encoding: str) -> int:
    """How many code units a text has in `utf-8`, `utf-16` or `utf-32`."""
    if encoding == "utf-32":
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(char > "\uffff" for char in text)


@dataclass(frozen=True)
class Positions:
    """Between offsets of a Source and positions of an editor, whose text may have started with a `mark`."""

    source: Source
    encoding: str = "utf-16"
    mark: bool = False

    @cached_property
    def _even(self) -> bool:
        """Whether each letter of the text is one code unit."""
        return self.encoding != "utf-8" and max(self.source.text, default="") <= "\uffff"

    def position(self, offset: int) -> lsp.Position:
        return lsp.Position(*self.place(offset))

    def place(self, offset: int) -> tuple[int, int]:
        """The line and the code unit of an offset, both from 0."""
        line, column = self.source.position(offset)
        before = column - 1 if self._even else units(self.source.line(line)[: column - 1], self.encoding)
        return line - 1, before + self._lead(line)

    def range(self, span: Span) -> lsp.Range:
        """The range of a span, which is of this source."""
        return lsp.Range(self.position(span.start), self.position(span.end))

    def whole(self) -> lsp.Range:
        return lsp.Range(lsp.Position(0, 0), self.position(len(self.source.text)))

    def offset(self, position: lsp.Position) -> int:
        """The offset of a position; one beyond the end of its line, or of the text, is that end."""
        number = position.line + 1
        if number > self.source.line_count:
            return len(self.source.text)
        line = self.source.line(number)
        start = self.source.start(number)
        wanted = position.character - self._lead(number)
        if line.isascii():
            return start + min(max(wanted, 0), len(line))
        taken = 0
        for index, char in enumerate(line):
            if taken >= wanted:
                return start + index
            taken += units(char, self.encoding)
        return start + len(line)

    def _lead(self, line: int) -> int:
        return units(MARK, self.encoding) if self.mark and line == 1 else 0
