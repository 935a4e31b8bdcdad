"""Which candidates a stage of a search keeps, and what of one goes over into the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from dartsl.graph.prune import Kept
from dartsl.graph.tables import KEPT, AlphaTable
from dartsl.nn.supernet import Supernet
from dartsl.run.schema import Check, many, table, whole
from dartsl.searching.readouts import Reading
from dartsl.searching.spans import Span
from dartsl.searching.widening import widening

STAGE = "stage"  # what a checkpoint calls the number of the stage, from 0, that it is of
STAGE_SCHEMA: dict[str, Check] = {STAGE: whole(), KEPT: table(many(many(whole())))}


def kept_of(model: Supernet) -> dict[str, list[list[int]]]:
    """The columns that each table has kept, by its name; a table that has all candidates is left out."""
    return {each.name: [list(row) for row in each.columns] for each in model.tables if each.columns}


class StageState:
    """What the history and a checkpoint say of a stage; nothing, where `span` is None: the search has no stages."""

    def __init__(self, model: Supernet, span: Span | None) -> None:
        self._model = model
        self._span = span

    def figures(self) -> dict[str, Any]:
        """Which stage it is, from 1, and how many candidates an edge of each table has, in the mean."""
        if self._span is None:
            return {}
        counts = {table.name: sum(table.sizes) / len(table.sizes) for table in self._model.tables}
        return {"stage": self._span.number + 1, "candidates": counts}

    def state_dict(self) -> dict[str, Any]:
        """Which stage it is, from 0, and the candidates that it has."""
        return {} if self._span is None else {STAGE: self._span.number, KEPT: kept_of(self._model)}


def kept_in(state: Mapping[str, Any]) -> Kept:
    """What `kept_of` gave, in the state of a checkpoint, as a graph is pruned by it."""
    return {name: dict(enumerate(rows)) for name, rows in state.get(KEPT, {}).items()}


def strongest(model: Supernet, readings: Mapping[str, Reading], most: int) -> Kept:
    """Of each edge the candidates that weigh most, at most so many (0: all that it has), ties the earlier one's."""
    found: dict[str, dict[int, list[int]]] = {}
    for each in model.tables:
        has = each.columns or [range(size) for size in each.sizes]
        weights = readings[each.name].weights
        found[each.name] = {
            row: sorted(sorted(columns, key=lambda column: -weights[row][column])[: most or None])
            for row, columns in enumerate(has)
        }
    return found


@torch.no_grad()
def carry(
    old: Supernet,
    new: Supernet,
    had: Sequence[torch.optim.Optimizer],
    has: Sequence[torch.optim.Optimizer],
    *key: int | str,
) -> None:
    """Let a network go on with what another one has learnt, which has all its candidates, and optimisers likewise.

    Where its candidates have more channels, what these copy is drawn by the key.
    """
    known, theirs_by_name = old.network.state_dict(), dict(old.network.named_parameters())
    wider = widening(old, new, *key) if new.plan.partial != old.plan.partial else {}
    fitted = {name: wider.get(name.rpartition(".")[0], _same) for name in new.network.state_dict()}
    new.network.load_state_dict({name: fit(known[name]) for name, fit in fitted.items()})
    weights = [(mine, theirs_by_name[name], fitted[name]) for name, mine in new.network.named_parameters()]
    learnt = [
        (mine, theirs, _Columns(before, after))
        for (after, mine), (before, theirs) in zip(new.learnt(), old.learnt(), strict=True)
    ]
    for mine, theirs, columns in learnt:
        mine.copy_(columns.of(theirs))
    for one, other in zip(had, has, strict=True):
        for mine, theirs, fit in weights:
            _hand_over(one, other, theirs, mine, fit)
        for mine, theirs, columns in learnt:
            _hand_over(one, other, theirs, mine, columns.of)


def _same(value: Tensor) -> Tensor:
    return value


class _Columns:
    """Where the columns of a table were before some candidates went."""

    def __init__(self, old: AlphaTable, new: AlphaTable) -> None:
        had = old.columns or [tuple(range(size)) for size in old.sizes]
        has = new.columns or [tuple(range(size)) for size in new.sizes]
        self._old = (len(old.sizes), max(old.sizes))
        self._new = (len(new.sizes), max(new.sizes))
        self._places = [
            [before.index(column) for column in row] for before, row in zip(had, has, strict=True)
        ]

    def of(self, values: Tensor) -> Tensor:
        """Those of the columns that are left, (rows, columns), 0 in spare ones; anything else as it is."""
        if tuple(values.shape) != self._old:
            return values
        found = values.new_zeros(self._new)
        for row, places in enumerate(self._places):
            found[row, : len(places)] = values[row, places]
        return found


def _hand_over(
    one: torch.optim.Optimizer,
    other: torch.optim.Optimizer,
    theirs: Tensor,
    mine: Tensor,
    fit: Callable[[Tensor], Tensor],
) -> None:
    """What one optimiser keeps for a parameter, for the parameter of another one, which `fit` makes it fit."""
    if theirs not in one.state:
        return
    other.state[mine] = {
        name: fit(value).clone() if isinstance(value, Tensor) else value
        for name, value in one.state[theirs].items()
    }
