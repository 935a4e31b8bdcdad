"""The skip connection beside the candidates of an edge that DARTS- has (Chu et al., arXiv 2009.01027)."""

from __future__ import annotations

from functools import cache

from dartsl.lang.check.model import Operation
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.plan.applied import Norms
from dartsl.lang.plan.elaborate import Elaborator
from dartsl.lang.plan.parts import term
from dartsl.lang.plan.skips import entering, skip_stride
from dartsl.lang.plan.terms import Term
from dartsl.lang.records.tensors import tensor_of
from dartsl.lang.syntax.loader import read

AUXILIARY_SKIP = "auxiliary_skip"  # what its modules are called below their edge
SKIP_DROPOUT = "skip_dropout"  # what drops parts of a candidate that is a skip connection (P-DARTS)


@cache
def _skip_connect() -> tuple[Operation, dict[str, Operation]]:
    """The operation of std/cnn, and all that it is written with."""
    operations = dict(check(read("std/cnn")).operations)
    return operations["skip_connect"], operations


def skip_beside(candidate: Term) -> Term:
    """The identity, or a factorised reduction where the candidate strides, as std/cnn's skip_connect in a search."""
    before, after = entering(candidate), candidate.output
    operation, operations = _skip_connect()
    assert operation.body is not None
    faults: list[Diagnostic] = []
    elaborator = Elaborator(operations, Norms(affine=False, mixing=True), faults)
    tensor = tensor_of(before)
    part = elaborator.run(operation.body, tensor, tensor.width, skip_stride(before, after) or 1)
    if faults:
        raise ValueError(f"no skip connection from {before} to {after}")
    return term(part, before, operation.span)
