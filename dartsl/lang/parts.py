"""What expressions become before they are terms: parts, put one behind another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dartsl.lang.source import Span
from dartsl.lang.syntax import Match
from dartsl.lang.tensors import Pair, Tensor
from dartsl.lang.terms import Merge, Sequence, Shape, Step, Term


@dataclass(frozen=True)
class Part:
    """What an expression becomes.

    `terms` stand one after another (none for what does nothing, and where widths are symbols). `stride` is
    (down, across) from input to output, None behind a global average pool. `missing` is a `match stride` that
    has no arm for the stride asked.
    """

    terms: tuple[Term, ...]
    output: Tensor
    stride: Pair | None
    ok: bool = True
    missing: Match | None = None

    def gives(self, asked: int) -> bool:
        """Whether the stride is the one asked for, on both axes."""
        return self.missing is None and self.stride == (asked, asked)


def term(part: Part, source: Shape, span: Span) -> Term:
    """A sound part with known shapes as one term; what does nothing is an identity."""
    if not part.terms:
        return Step("identity", (), (1, 1), source, source, span)
    return part.terms[0] if len(part.terms) == 1 else Sequence(part.terms)


def then(first: Part, second: Part) -> Part:
    """One part behind another."""
    stride = None
    if first.stride is not None and second.stride is not None:
        stride = (first.stride[0] * second.stride[0], first.stride[1] * second.stride[1])
    return Part(first.terms + second.terms, second.output, stride, first.ok and second.ok)


def term_size(whole: Term) -> int:
    """How many applications of primitives and merges a term stands for."""
    if isinstance(whole, Sequence):
        return sum(term_size(t) for t in whole.terms)
    return 1 + sum(term_size(t) for t in whole.branches) if isinstance(whole, Merge) else 1


def steps(whole: Term) -> Iterator[Step]:
    """The primitive steps of a term, in order."""
    if isinstance(whole, Step):
        yield whole
    else:
        for inner in whole.terms if isinstance(whole, Sequence) else whole.branches:
            yield from steps(inner)
