"""What is a skip connection, and which edges can have one beside their candidates (the setting `auxiliary_skip`)."""

from __future__ import annotations

from collections.abc import Iterator

from dartsl.lang.codes import e06
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.plan.terms import Merge, Plan, Sequence, Step, Term
from dartsl.lang.records.tensors import Shape, strided

STRIDE = 2  # of the factorised reduction


def entering(term: Term) -> Shape:
    """The shape that a term is applied to."""
    while not hasattr(term, "input"):
        if isinstance(term, Sequence):
            term = term.terms[0]
        elif isinstance(term, Merge):
            term = term.branches[0]
    return term.input


def is_skip(term: Term) -> bool:
    """Whether a term gives what it takes, without a parameter, in the layer where it stands."""
    if isinstance(term, Step):
        return term.primitive == "identity" or term.mixing
    return isinstance(term, Sequence) and all(is_skip(part) for part in term.terms)


def skip_stride(before: Shape, after: Shape) -> int | None:
    """1 where the identity leads from one shape to the other, 2 where a factorised reduction does, else None."""
    if before == after:
        return 1
    halves = after.size == strided(before.size, (STRIDE, STRIDE)) and after.channels % 2 == 0
    return STRIDE if before.channels == after.channels and halves else None


def skip_faults(plan: Plan) -> Iterator[Diagnostic]:
    """E0611 for each edge with a choice that no skip connection can stand beside, once an edge."""
    seen = set()
    for layer in plan.uses():
        for edge, terms in zip(layer.cell.edges, layer.built, strict=True):
            before, after = entering(terms[0]), terms[0].output
            if edge.searched and id(edge) not in seen and skip_stride(before, after) is None:
                seen.add(id(edge))
                where = (
                    f"it leads from {_text(before)} to {_text(after)} in `{layer.name or layer.cell.name}`"
                )
                yield e06.no_skip(edge.span, layer.cell.called(edge), where)


def _text(shape: Shape) -> str:
    return " x ".join(map(str, shape.dims))
