"""Stop rules: when a search is over before its last epoch. No torch.

`STOPS` has them by the names of the setting `stop`. Source of `skips` and `stable`: Liang et al., "DARTS+" (arXiv
1909.06035), its two criteria.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dartsl.graph.tables import table_name
from dartsl.lang.methods import NEVER, SKIPS, STABLE, Implementations
from dartsl.lang.settings import SearchConfig
from dartsl.lang.terms import Plan
from dartsl.searching.readouts import Reading
from dartsl.searching.rules import Rule
from dartsl.searching.skips import edge_name, kept_skips

Readings = Mapping[str, Reading]  # by table


class StopRule(Protocol):
    """When a search is over before its last epoch."""

    def __call__(self, past: Sequence[Readings], plan: Plan) -> str | None:
        """The reason to stop now, or None; `past` are the readings after each epoch so far, one at least, and `plan`
        is that of the network."""


STOPS = Implementations[Callable[[SearchConfig], StopRule]]("stop")


def never(past: Sequence[Readings], plan: Plan) -> str | None:
    """The rule `none`: a search runs to its last epoch."""
    return None


def recorded(past: Sequence[Readings]) -> list[dict[str, dict[str, Any]]]:
    """Readings as a checkpoint holds them."""
    return [
        {
            table: {"weights": [list(row) for row in each.weights], "edges": list(each.edges)}
            for table, each in readings.items()
        }
        for readings in past
    ]


def restored(record: Sequence[Mapping[str, Mapping[str, Any]]]) -> list[Readings]:
    """What `recorded` gave, as it was."""
    return [
        {table: Reading(each["weights"], tuple(each["edges"])) for table, each in tables.items()}
        for tables in record
    ]


@dataclass(frozen=True)
class Skips:
    """A cell has `limit` skip connections or more, as its strongest operations would have it.

    Looked at are cells where they stand without a stride, after epochs in which the alphas were trained: all but the
    first `warmup`.
    """

    limit: int
    warmup: int
    floor: float = 0.0  # of the weights of edges that stay (`Rule`)

    def __call__(self, past: Sequence[Readings], plan: Plan) -> str | None:
        if len(past) <= self.warmup:
            return None
        for cell in plan.cells():
            if not cell.searched_edges:
                continue
            found = [
                edge_name(kept.edge)
                for kept in kept_skips(plan, cell, past[-1][table_name(cell)], self.floor)
            ]
            if len(found) >= self.limit:
                count = "a skip connection" if len(found) == 1 else f"{len(found)} skip connections"
                return f"cell {cell.name} would have {count}: {', '.join(found)}"
        return None


@dataclass(frozen=True)
class Stable:
    """The order of each row's mixing weights, that of its alphas, was the same after each of the last `epochs` epochs
    in which the alphas were trained: not the first `warmup`."""

    epochs: int
    warmup: int

    def __call__(self, past: Sequence[Readings], plan: Plan) -> str | None:
        last = past[self.warmup :][-self.epochs :]
        if len(last) < self.epochs or any(_ranking(each) != _ranking(last[0]) for each in last[1:]):
            return None
        return f"the ranking of the alphas has been the same for {self.epochs} epochs"


def _ranking(readings: Readings) -> list[list[int]]:
    """Of each row, its columns by weight, the heaviest first, equal ones in order."""
    rows = (row for reading in readings.values() for row in reading.weights)
    return [sorted(range(len(row)), key=lambda column: -row[column]) for row in rows]


STOPS.provide(NEVER, lambda config: never)
STOPS.provide(SKIPS, lambda config: Skips(config.stop_skips, config.warmup, Rule.of(vars(config)).floor))
STOPS.provide(STABLE, lambda config: Stable(config.stop_epochs, config.warmup))
