"""The matrix of a `linear` that is not its own: its node's (share), or the embedding's (tie) (language rule 19)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dartsl.lang.codes import e04, e05
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Span
from dartsl.lang.plan.evaluate import Environment
from dartsl.lang.plan.parts import Part, steps
from dartsl.lang.plan.terms import Argument, Step, Term
from dartsl.lang.records.primitives import owner
from dartsl.lang.records.widths import Width
from dartsl.lang.syntax.ast import Call, Name


def misused(
    values: Iterable[tuple[str, Argument]], call: Name | Call, scope: Environment, shares: bool, ties: bool
) -> Diagnostic | None:
    """E0413 or E0508 for a `share` or a `tie` where there is no node, or no head, to take a matrix from."""
    given = dict(values)
    if given.get("share") and not shares:
        return e04.no_owner(scope.places.get("share", call.span))
    if given.get("tie") and not ties:
        return e05.nothing_to_tie(scope.places.get("tie", call.span))
    return None


def unlike_shares(node: str, terms: Iterable[Term]) -> Iterator[Diagnostic]:
    """E0413 for operations into one node that share a matrix and want it in different shapes."""
    first: dict[str, Step] = {}
    for term in terms:
        for step in steps(term):
            other = first.setdefault(step.share, step)
            if step.share and _matrix(other) != _matrix(step):
                one, first_one = (
                    Label(each.span, f"this one needs {_matrix(each)}") for each in (step, other)
                )
                yield e04.unlike_shares(node, step.share, one, first_one)


def _matrix(step: Step) -> str:
    """What a shared matrix must be, in words."""
    bias = "with" if step.argument("bias") else "without"
    return f"{step.input.channels} x {step.output.channels} {bias} bias"


def head_faults(head: Part, stems: Iterable[Term], span: Span) -> list[Diagnostic]:
    """E0508 for a tied `linear` of a head (written at `span`) that the embedding of the stems does not fit, else E0509
    for a head that gives another vocabulary than an embedding knows."""
    embeddings = [s for stem in stems for s in steps(stem) if owner(s.primitive).has("embedding")]
    tied = (s for t in head.terms for s in steps(t) if owner(s.primitive).has("matrix") and s.argument("tie"))
    faults = [fault for step in tied for fault in _tie_faults(step, embeddings)]
    return faults or list(_vocabulary_faults(head.output.width, span, embeddings))


def _vocabulary_faults(outputs: Width, span: Span, embeddings: list[Step]) -> Iterator[Diagnostic]:
    for embedding in embeddings:
        words = embedding.argument("vocab")
        if words != outputs:
            yield e05.other_vocabulary(span, str(outputs), embedding.span, str(words))
            return


def _tie_faults(step: Step, embeddings: list[Step]) -> Iterator[Diagnostic]:
    if len(embeddings) != 1:
        label = f"the stems have {len(embeddings) or 'no'} embedding{'s' * bool(embeddings)}"
        places = tuple(Label(e.span, "one of them") for e in embeddings)
        yield e05.cannot_tie(step.span, label, places)
        return
    embedding = embeddings[0]
    words, width = embedding.argument("vocab"), embedding.output.channels
    if (step.output.channels, step.input.channels) != (words, width):
        needs = f"this needs {step.output.channels} x {step.input.channels}"
        other = (Label(embedding.span, f"the embedding has {words} x {width}"),)
        help = f"give the head {words} outputs, and what reaches it {width} channels"
        yield e05.cannot_tie(step.span, needs, other, help)
