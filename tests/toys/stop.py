"""A toy stop rule: a search is over when each edge has preferred the same operation for two epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.methods import NAMES, register
from dartsl.lang.settings.values import SearchConfig
from dartsl.searching.stops import STOPS, After, Stop, StopRule

NAME = "settled"


Tables = Mapping[str, Sequence[Sequence[float]]]  # of weights, or of alphas


def strongest(tables: Tables) -> list[int]:
    return [max(range(len(row)), key=lambda column: row[column]) for rows in tables.values() for row in rows]


def settled(past: Sequence[After], plan: Plan) -> Stop | None:
    last = [{name: reading.weights for name, reading in each.readings.items()} for each in past[-2:]]
    if len(last) < 2 or strongest(last[0]) != strongest(last[1]):
        return None
    return Stop("no edge has changed its mind")


def of(config: SearchConfig) -> StopRule:
    return settled


def add() -> None:
    register("stop", NAME, "each edge has preferred the same operation for two epochs")
    STOPS.provide(NAME, of)


def remove() -> None:
    del NAMES["stop"][NAME], STOPS.found[NAME]
