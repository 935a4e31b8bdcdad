"""Edges that are decided while a search goes on (DARTS-PT, Wang et al., arXiv 2108.04392).

An edge that is decided has 1 for the candidate that it keeps and 0 for the others, or 0 for all where it is left out;
the alphas say nothing of it any more. What is decided lies in a tensor for each table, which is filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dartsl.graph.tables import DECIDED, LEFT_OUT, AlphaTable
from dartsl.nn.passing import Pass
from dartsl.nn.relaxations import Architecture, Relaxation

FACTOR, ADDED = 0, 1  # mixing weights are those of the relaxation times the one, plus the other


def with_projection(relaxation: Relaxation, projected: bool) -> Relaxation:
    """A relaxation whose mixing weights are those that were decided, where an edge is; itself where none can be."""
    if not projected:
        return relaxation
    made = _Projected(relaxation)
    expected = None if relaxation.expected is None else made.expected
    return replace(relaxation, weights=made.weights, expected=expected)


@dataclass(frozen=True)
class _Projected:
    """Methods, and no closures, so that a network can be pickled."""

    relaxation: Relaxation

    def weights(self, architecture: Architecture, pass_: Pass) -> Tensor:
        """(rows, columns)"""
        return _masked(self.relaxation.weights(architecture, pass_), architecture)

    def expected(self, architecture: Architecture) -> Tensor:
        """(rows, columns)"""
        if self.relaxation.expected is None:
            raise ValueError("the relaxation draws nothing")
        return _masked(self.relaxation.expected(architecture), architecture)


def _masked(weights: Tensor, architecture: Architecture) -> Tensor:
    if architecture.decided is None:
        raise ValueError("an architecture whose edges are decided says which are")
    return weights * architecture.decided[FACTOR] + architecture.decided[ADDED]  # (rows, columns)


def undecided(table: AlphaTable) -> Tensor:
    """The tensor (2, rows, columns) of a table of which no edge is decided."""
    nothing = torch.zeros(2, len(table.sizes), max(table.sizes), device="cpu")
    nothing[FACTOR] = 1
    return nothing


def decisions(state: Tensor, table: AlphaTable) -> list[int | None]:
    """Of each row the column of the candidate that was kept, LEFT_OUT, or None where nothing is decided."""
    factor, added = state.tolist()
    return [
        None if any(factor[row]) else added[row].index(1) if any(added[row]) else LEFT_OUT
        for row in range(len(table.sizes))
    ]


def recorded(decided: Mapping[str, list[int | None]]) -> dict[str, dict[str, list[int | None]]]:
    """What a run records of it; nothing, as long as nothing is decided."""
    some = any(row is not None for rows in decided.values() for row in rows)
    return {DECIDED: dict(decided)} if some else {}


@torch.no_grad()
def decide(state: Tensor, row: int, column: int) -> None:
    """Keep a candidate of an edge, or none of them: LEFT_OUT."""
    state[:, row] = 0
    if column != LEFT_OUT:
        state[ADDED, row, column] = 1


@contextmanager
def changed(state: Tensor, change: Callable[[Tensor], None]) -> Iterator[None]:
    """Inside, the tensor of a table is another; it comes out as it was."""
    before = state.clone()
    try:
        with torch.no_grad():
            change(state)
        yield
    finally:
        with torch.no_grad():
            state.copy_(before)
