"""What expressions become before they are terms: parts, put one after another."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Parts
from dataclasses import dataclass, replace

from dartsl.lang.codes.source import Span
from dartsl.lang.plan.terms import CellTerm, Merge, Sequence, Step, Term
from dartsl.lang.records.tensors import Pair, Shape, Tensor
from dartsl.lang.records.widths import Width
from dartsl.lang.syntax.ast import Match


@dataclass(frozen=True)
class Given:
    """A step that decides a width: where it stands, what it gives, and whether that is `written` as its `out`.

    One branch of a `concat` may only keep the width that reaches it: `keeps`.
    """

    span: Span
    width: Width
    written: bool = False
    keeps: bool = False


@dataclass(frozen=True)
class Part:
    """What an expression becomes.

    `terms` stand one after another (none for what does nothing, and where widths are symbols). `stride` is
    (down, across) from input to output, None after a global average pool. `missing` is a `match stride` that
    has no arm for the stride asked. `given` are the steps that decide the width, several where they are
    concatenated; none where the part keeps the width that reaches it.
    """

    terms: tuple[Term, ...]
    output: Tensor
    stride: Pair | None
    ok: bool = True
    missing: Match | None = None
    given: tuple[Given, ...] = ()

    def gives(self, asked: int) -> bool:
        """Whether the stride is the one asked for, on both axes."""
        return self.missing is None and self.stride == (asked, asked)


def term(part: Part, source: Shape, span: Span) -> Term:
    """A sound part with known shapes as one term; what does nothing is an identity."""
    if not part.terms:
        return Step("identity", (), (1, 1), source, source, span)
    return part.terms[0] if len(part.terms) == 1 else Sequence(part.terms)


def then(first: Part, second: Part) -> Part:
    """One part after another."""
    stride = None
    if first.stride is not None and second.stride is not None:
        stride = (first.stride[0] * second.stride[0], first.stride[1] * second.stride[1])
    given = second.given or first.given
    return Part(first.terms + second.terms, second.output, stride, first.ok and second.ok, given=given)


def called(part: Part, call: Span, asked: Width) -> Part:
    """A call's part, whose width the call itself decides where it is the one asked for, else steps in its body."""
    if not part.given or part.output.width != asked:
        return part
    return replace(part, given=(Given(call, asked),))


def merged(kind: str, branches: Parts[tuple[Part, Span]]) -> tuple[Given, ...]:
    """The steps that decide the width of a merge, of its branches and the places where they are written."""
    if kind != "concat":
        return branches[0][0].given if branches else ()
    steps = [part.given or (Given(span, part.output.width, keeps=True),) for part, span in branches]
    return tuple(step for given in steps for step in given)


def term_size(whole: Term) -> int:
    """How many applications of primitives and merges a term stands for."""
    if isinstance(whole, Sequence):
        return sum(term_size(t) for t in whole.terms)
    if isinstance(whole, CellTerm):
        return whole.size
    return 1 + sum(term_size(t) for t in whole.branches) if isinstance(whole, Merge) else 1


def steps(whole: Term) -> Iterator[Step]:
    """The primitive steps of a term, in order; of all candidates, where a cell stands in it."""
    if isinstance(whole, Step):
        yield whole
    else:
        for inner in parts_of(whole):
            yield from steps(inner)


def parts_of(whole: Sequence | Merge | CellTerm) -> tuple[Term, ...]:
    """What a term consists of."""
    if isinstance(whole, CellTerm):
        return tuple(whole.use.terms())
    return whole.terms if isinstance(whole, Sequence) else whole.branches
