"""Readouts: what the recorded parameters of a relaxation say about edges and candidates. No torch.

They are what derivations, pictures, the entropy and the shares of a run are made from. The other half of a relaxation,
which computes mixing weights in a pass, is in `dartsl.nn.relaxations`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dartsl.graph.tables import BETAS, DECIDED, KEPT, LEFT_OUT, AlphaTable
from dartsl.lang.settings.methods import (
    DIRICHLET,
    GUMBEL,
    GUMBEL_HARD,
    SIGMOID,
    SOFTMAX,
    UNIFORM,
    Implementations,
)

Table = Sequence[Sequence[float]]  # a row for each searched edge, a column for each of its candidates
Recorded = Mapping[
    str, Any
]  # of one table, by group: "alphas" are rows of numbers, others rows or a number a row


@dataclass(frozen=True)
class Reading:
    """What a table says.

    weights  the mixing weights, from 0 to 1; rows need not add up to 1
    edges    for each row, what its weights are multiplied by where the edges into a node are compared, such as weights
             of edges that were learnt; empty: 1 each, so that an edge counts as much as its strongest candidate
    """

    weights: Table
    edges: tuple[float, ...] = ()


@dataclass(frozen=True)
class Readout:
    """How mixing weights follow from recorded parameters.

    read  the reading of a table from its parameters, as `Supernet.architecture` gives them. It may raise TypeError,
          KeyError, ValueError or OverflowError for what no search records.
    even  the weight of each of n candidates while none is preferred
    """

    read: Callable[[AlphaTable, Recorded], Reading]
    even: Callable[[int], float]


READOUTS = Implementations[Readout]("relaxation")


def readings(
    relaxation: str,
    tables: Iterable[AlphaTable],
    recorded: Mapping[str, Mapping[str, Any]],
    edge_weights: bool = False,
) -> dict[str, Reading]:
    """What the tables of a network say, by name. `recorded` has their parameters, by group and by table.

    With `edge_weights` betas are among them, and where candidates were left out, the columns of those that are left:
    the others weigh nothing. Raises what `Readout.read` raises; a table that was not recorded is passed over.
    """
    read = READOUTS.of(relaxation).read
    found = {}
    for table in tables:
        own = {group: values[table.name] for group, values in recorded.items() if table.name in values}
        kept = own.pop(KEPT, None)
        decided = own.pop(DECIDED, ())
        if own:
            narrow = table if kept is None or table.columns else table.narrowed(kept)
            reading = read(narrow, own)
            reading = replace(reading, weights=narrow.widened(reading.weights))
            reading = _decided(reading, decided)
            found[table.name] = _weighted(reading, table, own[BETAS]) if edge_weights else reading
    return found


def _decided(reading: Reading, decided: Sequence[int | None]) -> Reading:
    """A reading in which an edge that is decided has 1 for what it keeps, and 0 for all else."""
    if not decided:
        return reading
    if any(
        kept is not None and not LEFT_OUT <= kept < len(row)
        for row, kept in zip(reading.weights, decided, strict=True)
    ):
        raise ValueError("a candidate that is not there")
    rows = [
        row if kept is None else [float(column == kept) for column in range(len(row))]
        for row, kept in zip(reading.weights, decided, strict=True)
    ]
    return replace(reading, weights=rows)


def _weighted(reading: Reading, table: AlphaTable, betas: Sequence[float]) -> Reading:
    """A reading whose edges count by the softmax of their betas over the edges into their node as well."""
    if len(betas) != len(table.sizes):
        raise ValueError("a beta for each row")
    shares = []
    for row, group in enumerate(table.rivals()):
        top = max(betas[each] for each in group)
        shares.append(math.exp(betas[row] - top) / math.fsum(math.exp(betas[each] - top) for each in group))
    before = reading.edges or (1.0,) * len(shares)
    return replace(reading, edges=tuple(one * share for one, share in zip(before, shares, strict=True)))


def entropies(weights: Table) -> list[float]:
    """Each row's entropy in nats: log(candidates) when all weigh the same, 0 when one has won.

    It is that of the row divided by its sum, so that rows need not add up to 1; 0 for a row of zeros.
    """
    return [_entropy(row) for row in weights]


def _entropy(row: Sequence[float]) -> float:
    total = math.fsum(row)
    parts = [weight / total for weight in row if weight > 0]
    return -math.fsum(part * math.log(part) for part in parts if part > 0)


def softmax_rows(alphas: Table) -> list[list[float]]:
    """Each row's softmax: mixing weights from alphas."""
    rows = []
    for row in alphas:
        top = max(row)
        powers = [math.exp(alpha - top) for alpha in row]
        total = math.fsum(powers)
        rows.append([power / total for power in powers])
    return rows


def _softmax(table: AlphaTable, recorded: Recorded) -> Reading:
    return Reading(softmax_rows(recorded["alphas"]))


def _sigmoid(table: AlphaTable, recorded: Recorded) -> Reading:
    return Reading([[_squashed(alpha) for alpha in row] for row in recorded["alphas"]])


def _squashed(alpha: float) -> float:
    return 1 / (1 + math.exp(-alpha)) if alpha >= 0 else math.exp(alpha) / (1 + math.exp(alpha))


READOUTS.provide(SIGMOID, Readout(_sigmoid, lambda candidates: 0.5))
for _name in (SOFTMAX, GUMBEL, GUMBEL_HARD, DIRICHLET, UNIFORM):
    READOUTS.provide(_name, Readout(_softmax, lambda candidates: 1 / candidates))
