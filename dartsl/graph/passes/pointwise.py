"""The 1 x 1 convolutions that end in a node are added up in one product, with their batch norms folded in.

A term conv(1) > `scaled_bn` of a `combine` or `sum` is a matrix times the input of the convolution, whose scale and
shift follow from that input's mean and covariance (dartsl/nn/fused_pointwise.py). All such terms of a node become one
`conv_bn_sum`: neither the outputs of the convolutions nor those of the batch norms are written or kept. Terms that were
added in phase space (passes/space_to_batch.py) are taken in, and their one way back stays.

* The convolution takes as many channels as it gives, is read by its batch norm alone, and that by the sum alone.
* The channels are no more than the pixels: else the covariance costs more than it saves.

Exact: var(P z) is the diagonal of P cov(z) P^T; in float64 both agree to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import networkx as nx

from dartsl.graph.operations import Application, Value
from dartsl.graph.passes.fold import Entry, entries_of
from dartsl.graph.rewrite import Applications, rewrite, users
from dartsl.graph.target import Target


def run(graph: nx.DiGraph, target: Target) -> nx.DiGraph:
    """The graph with sums of 1 x 1 convolutions and batch norms as `conv_bn_sum`."""
    readers = users(graph)

    def step(node: str, applied: Application, done: Applications) -> Application:
        if applied.kind in ("combine", "sum") and len(applied.shape) == 3:
            return _summed(applied, done, readers)
        return applied

    return rewrite(graph, step)


@dataclass(frozen=True)
class _Term:
    """A term of a sum: what is read, times which mixing weight, behind which convolution and batch norm."""

    source: str
    entry: Entry
    state: tuple[str, ...] = ()


def _summed(applied: Application, done: Applications, readers: Mapping[str, Sequence[str]]) -> Application:
    """A sum with its 1 x 1 convolutions folded in; the sum as it is where there are none."""
    cell = dict(applied.attributes).get("cell")
    images: list[_Term] = []
    phases: list[_Term] = []
    rest: list[_Term] = []
    factor: Value = (1, 1)
    for source, entry in zip(applied.inputs, entries_of(applied), strict=True):
        given = done[source]
        alone = len(readers.get(source, ())) == 1 and not entry
        inner = done[given.inputs[0]] if given.kind == "batch_to_space" else given
        folded = _folded(source, applied, cell, done, readers) if alone else None
        if folded is not None:
            cell = dict(given.attributes)["cell"]
            images.append(folded)
        elif alone and given is not inner and not phases and given.layer == applied.layer:
            phases = _in_phases(given.inputs[0], given, applied, cell, done, readers)
            if phases:
                cell, factor = inner.attribute("cell"), given.attribute("factor")
            else:
                rest.append(_Term(source, entry))
        else:
            rest.append(_Term(source, entry))
    if not images and not phases:
        return applied
    terms = [*phases, *images, *rest]
    attributes: tuple[tuple[str, Value], ...] = (
        ("cell", cell or ""),
        ("entries", tuple(term.entry for term in terms)),
        ("phases", len(phases)),
        ("images", len(images)),
        ("factor", factor),
    )
    return replace(
        applied,
        kind="conv_bn_sum",
        attributes=attributes,
        inputs=tuple(term.source for term in terms),
        state=tuple(path for term in terms for path in term.state),
    )


def _folded(
    source: str,
    total: Application,
    cell: Value | None,
    done: Applications,
    readers: Mapping[str, Sequence[str]],
) -> _Term | None:
    """The term that a `scaled_bn` becomes, where it may."""
    norm = done[source]
    if norm.kind != "scaled_bn" or len(norm.state) != 1 or cell not in (None, norm.attribute("cell")):
        return None
    convolution = done[norm.inputs[0]]
    if not is_pointwise(convolution) or len(readers.get(norm.inputs[0], ())) != 1:
        return None
    read = done[convolution.inputs[0]]
    if read.shape != total.shape or norm.layer != total.layer or convolution.layer != total.layer:
        return None
    if norm.shape != total.shape or norm.shape[0] > prod(norm.shape[1:]) * norm.batch:
        return None
    entry = (norm.attribute("row"), norm.attribute("column"))
    return _Term(convolution.inputs[0], entry, (*convolution.state, *norm.state))


def is_pointwise(applied: Application) -> bool:
    """Whether this is a dense convolution of pixels, one by one."""
    if applied.kind != "conv":
        return False
    attributes = dict(applied.attributes)
    return attributes["k"] == 1 and attributes.get("stride", (1, 1)) == (1, 1)


def _in_phases(
    source: str,
    back: Application,
    total: Application,
    cell: Value | None,
    done: Applications,
    readers: Mapping[str, Sequence[str]],
) -> list[_Term]:
    """The terms of a sum in phase space that is brought back into `total`; none where not all are folded."""
    inner = done[source]
    if back.shape != total.shape or back.batch != total.batch or inner.layer != total.layer:
        return []
    if inner.kind == "scaled_bn" and len(readers.get(source, ())) == 1:
        found = _folded(source, inner, cell, done, readers)
        return [] if found is None else [found]
    if inner.kind != "conv_bn_sum" or inner.attribute("phases") != 0:
        return []
    whole = inner.attribute("images") == len(inner.inputs) and cell in (None, inner.attribute("cell"))
    return _terms(inner) if whole else []


def _terms(inner: Application) -> list[_Term]:
    """The terms of a `conv_bn_sum` that has folded ones alone."""
    pairs = [inner.state[place : place + 2] for place in range(0, len(inner.state), 2)]
    return [
        _Term(source, entry, state)
        for source, entry, state in zip(inner.inputs, entries_of(inner), pairs, strict=True)
    ]
