"""A toy stop rule: a search is over when each edge has preferred the same operation for two epochs."""

from __future__ import annotations

from collections.abc import Sequence

from dartsl.lang.methods import NAMES, register
from dartsl.lang.settings import SearchConfig
from dartsl.searching.method import STOPS, StopRule, Tables

NAME = "settled"


def strongest(tables: Tables) -> list[int]:
    return [max(range(len(row)), key=lambda column: row[column]) for rows in tables.values() for row in rows]


def settled(past: Sequence[Tables]) -> str | None:
    if len(past) < 2 or strongest(past[-1]) != strongest(past[-2]):
        return None
    return "no edge has changed its mind"


def of(config: SearchConfig) -> StopRule:
    return settled


def add() -> None:
    register("stop", NAME, "each edge has preferred the same operation for two epochs")
    STOPS.provide(NAME, of)


def remove() -> None:
    del NAMES["stop"][NAME], STOPS.found[NAME]
