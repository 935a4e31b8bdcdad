"""Where text comes from and where in it something stands."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

# Comments and blanks may stand above the header; the possessive `++` keeps the match linear.
HEADER = re.compile(r"\ufeff?(?:[ \t\r\n]++|#[^\n]*+)*+darts[ \t]+([0-9]+)")


@dataclass(frozen=True)
class Source:
    """One `.darts` text.

    `name` is what diagnostics print; `path` is None for text that is not in a file (stdin, tests).
    """

    name: str
    text: str
    path: Path | None = None

    @cached_property
    def version(self) -> int:
        """The version of the language by which the text is read: that of its header, 1 where it has none.

        What a name means depends on it: a later version reserves more of them.
        """
        found = HEADER.match(self.text)
        return int(found[1][-9:]) if found else 1

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(i + 1 for i, char in enumerate(self.text) if char == "\n")]

    @property
    def line_count(self) -> int:
        return len(self._line_starts)

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column of a character offset, both from 1."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def start(self, number: int) -> int:
        """The offset at which a line (numbered from 1) starts."""
        return self._line_starts[number - 1]

    def line(self, number: int) -> str:
        """The text of a line (numbered from 1) without its line end."""
        start = self._line_starts[number - 1]
        end = self._line_starts[number] if number < self.line_count else len(self.text)
        return self.text[start:end].rstrip("\r\n")


@dataclass(frozen=True)
class Span:
    """A half-open range of character offsets in a source."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def position(self) -> tuple[int, int]:
        """Line and column of the first character, both from 1."""
        return self.source.position(self.start)

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other` (of the same source)."""
        return Span(self.source, self.start, other.end)
