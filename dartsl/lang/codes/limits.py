"""How large a spec may be. Everything is counted against these bounds before it is built."""

from __future__ import annotations

from dataclasses import dataclass

from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Span

MAX_BYTES = 4_000_000  # of a file, and of all the files that it imports together
MAX_FILES = 2_000  # of a spec, the library's included
MAX_TOKENS = 1_000_000  # of a file: words, numbers and signs
MAX_STRANGE = 1_000  # characters of a file that are not part of the language, and strings without an end
MAX_NODES = 10_000  # inputs and nodes of one cell
MAX_EDGES = 100_000  # edges of all the cells of a spec
MAX_CANDIDATES = 1_000_000  # operations offered, over all the edges of a spec
MAX_NAMES = 1_000_000  # names that all ranges of a spec stand for
MAX_LAYERS = 10_000  # layers of one network
MAX_APPLICATIONS = 1_000_000  # edges of all the cells in all the layers of one network


def too_large(span: Span, what: str, count: int, limit: int) -> Diagnostic:
    """E0310 for something that would hold `count` of `what`, where `limit` is accepted."""
    asked = f"{count:,}" if count < 10**15 else "far too many"
    return Diagnostic(
        "E0310",
        f"too large to build: {asked} {what}",
        Label(span, f"at most {limit:,} are accepted"),
    )


class TooLargeError(Exception):
    """Stops the expansion of one cell; carries its E0310."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.title)
        self.diagnostic = diagnostic


@dataclass
class Budget:
    """What a spec has used up so far."""

    names: int = 0
    edges: int = 0
    candidates: int = 0

    def take_names(self, count: int, span: Span) -> None:
        """Count names of ranges. Raises TooLargeError, as the others do, and then counts nothing."""
        self.names = _taken(self.names, count, span, "names", MAX_NAMES)

    def take_edges(self, count: int, span: Span) -> None:
        self.edges = _taken(self.edges, count, span, "edges", MAX_EDGES)

    def take_candidates(self, count: int, span: Span) -> None:
        self.candidates = _taken(self.candidates, count, span, "candidates", MAX_CANDIDATES)


def _taken(before: int, count: int, span: Span, what: str, limit: int) -> int:
    if before + count > limit:
        raise TooLargeError(too_large(span, what, before + count, limit))
    return before + count
