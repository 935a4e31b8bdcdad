"""Stop rules: when a search is over before its last epoch. No torch.

`STOPS` has them by the names of the setting `stop`. Sources: of `skips` and `stable`, Liang et al., "DARTS+" (arXiv
1909.06035), its two criteria; of `curvature`, Zela et al., "RobustDARTS" (arXiv 1909.09656), and the authors' code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any, Protocol

from dartsl.graph.tables import table_name
from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.methods import CURVATURE, NEVER, SKIPS, STABLE, Implementations
from dartsl.lang.settings.values import SearchConfig
from dartsl.run.schema import many, maybe, number, record, table
from dartsl.searching.readouts import Reading
from dartsl.searching.rules import Rule
from dartsl.searching.skips import kept_skips

Readings = Mapping[str, Reading]  # by table
_READING = record({"weights": many(many(number())), "edges": many(number())}, closed=True)
PAST = {
    "past": many(table(_READING)),
    "curvatures": many(maybe(number())),
}  # what a checkpoint may have of it


@dataclass(frozen=True)
class After:
    """What a rule sees of an epoch, as it was after it: what the tables say, and the curvature where it is computed."""

    readings: Readings
    curvature: float | None = None


@dataclass(frozen=True)
class Stop:
    """Why a search is over, and the epoch, from 1, whose architecture it has found; None: the last one."""

    reason: str
    epoch: int | None = None

    def lines(self, when: str) -> list[str]:
        """What a report says of it."""
        found = [] if self.epoch is None else [f"derived     from the alphas after epoch {self.epoch}"]
        return [f"stopped     {when}: {self.reason}", *found]


class StopRule(Protocol):
    """When a search is over before its last epoch."""

    def __call__(self, past: Sequence[After], plan: Plan) -> Stop | None:
        """That it stops now, or None; `past` are the epochs so far, one at least, and `plan` is that of the network."""


STOPS = Implementations[Callable[[SearchConfig], StopRule]]("stop")


def never(past: Sequence[After], plan: Plan) -> Stop | None:
    """The rule `none`: a search runs to its last epoch."""
    return None


def recorded(past: Sequence[After]) -> dict[str, Any]:
    """The past as a checkpoint holds it: readings, and curvatures where there are any."""
    if not past:
        return {}
    readings = [
        {
            table: {"weights": [list(row) for row in each.weights], "edges": list(each.edges)}
            for table, each in after.readings.items()
        }
        for after in past
    ]
    curvatures = [after.curvature for after in past]
    return {"past": readings} | ({"curvatures": curvatures} if any(c is not None for c in curvatures) else {})


def restored(state: Mapping[str, Any]) -> list[After]:
    """What `recorded` gave, as it was. Raises ValueError for other numbers of epochs."""
    readings = [
        {table: Reading(each["weights"], tuple(each["edges"])) for table, each in tables.items()}
        for tables in state.get("past", [])
    ]
    curvatures = state.get("curvatures", [None] * len(readings))
    return [After(*both) for both in zip(readings, curvatures, strict=True)]


@dataclass(frozen=True)
class Skips:
    """A cell has `limit` skip connections or more, as its strongest operations would have it.

    Looked at are cells where they stand without a stride, after epochs in which the alphas were trained: all but the
    first `warmup`.
    """

    limit: int
    warmup: int
    floor: float = 0.0  # of the weights of edges that stay (`Rule`)

    def __call__(self, past: Sequence[After], plan: Plan) -> Stop | None:
        if len(past) <= self.warmup:
            return None
        for cell in plan.cells():
            if not cell.searched_edges:
                continue
            found = [
                kept.edge.name
                for kept in kept_skips(plan, cell, past[-1].readings[table_name(cell)], self.floor)
            ]
            if len(found) >= self.limit:
                count = "a skip connection" if len(found) == 1 else f"{len(found)} skip connections"
                return Stop(f"cell {cell.name} would have {count}: {', '.join(found)}")
        return None


@dataclass(frozen=True)
class Stable:
    """The order of each row's mixing weights, that of its alphas, was the same after each of the last `epochs` epochs
    in which the alphas were trained: not the first `warmup`."""

    epochs: int
    warmup: int

    def __call__(self, past: Sequence[After], plan: Plan) -> Stop | None:
        last = past[self.warmup :][-self.epochs :]
        if len(last) < self.epochs or any(_ranking(each) != _ranking(last[0]) for each in last[1:]):
            return None
        return Stop(f"the ranking of the alphas has been the same for {self.epochs} epochs")


def _ranking(after: After) -> list[list[int]]:
    """Of each row, its columns by weight, the heaviest first, equal ones in order."""
    rows = (row for reading in after.readings.values() for row in reading.weights)
    return [sorted(range(len(row)), key=lambda column: -row[column]) for row in rows]


@dataclass(frozen=True)
class Sharp:
    """The curvature has grown too much: RobustDARTS's early stopping.

    Epochs count from 0 here, as in the authors' code, and each `every`-th of them has a curvature. The mean of the last
    `window` of these (of all, where they are fewer) is compared with that of `lag` of these before. Where it is more
    than `ratio` times as large, the search has found the architecture in the middle of the earlier window, if that is
    of the epoch `earliest` or later.
    """

    every: int
    window: int
    lag: int
    ratio: float
    earliest: int

    @classmethod
    def of(cls, config: SearchConfig) -> Sharp:
        """That of a search with these settings."""
        numbers = (config.stop_window, config.stop_lag, config.stop_ratio, config.stop_earliest)
        return cls(config.curvature, *numbers)

    @property
    def back(self) -> int:
        """How many epochs before the one it stops in is the one that it returns."""
        return (self.window // 2 + self.lag) * self.every

    def may_return(self, epoch: int) -> bool:
        """Whether the architecture after an epoch, counted from 1, may ever be returned."""
        return epoch > self.earliest and (epoch - 1) % self.every == 0

    def __call__(self, past: Sequence[After], plan: Plan) -> Stop | None:
        epoch = len(past) - 1
        found = epoch - self.back
        if epoch % self.every > 0 or found < self.earliest:
            return None
        values = [each.curvature for each in past[:: self.every] if each.curvature is not None]
        before, now = self._mean(values[: -self.lag]), self._mean(values)
        if before <= 0 or now / before <= self.ratio:
            return None
        since = f"{before:.3g} to {now:.3g} within {self.lag * self.every} epochs"
        return Stop(f"the mean curvature has grown from {since}", found + 1)

    def _mean(self, values: Sequence[float]) -> float:
        last = values[-self.window :]
        return fsum(last) / len(last)


STOPS.provide(NEVER, lambda config: never)
STOPS.provide(SKIPS, lambda config: Skips(config.stop_skips, config.warmup, Rule.of(vars(config)).floor))
STOPS.provide(STABLE, lambda config: Stable(config.stop_epochs, config.warmup))
STOPS.provide(CURVATURE, Sharp.of)
