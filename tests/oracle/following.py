"""A search as dartsl runs it, followed step by step by the oracle's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from dartsl.searching.image_session import ImageSession
from dartsl.step.batches import ImageBatch

from .mapping import assert_equal, renamed
from .naive.bilevel import Search

ALL = [(order, level) for order in ("1", "2", "exact") for level in (0, 2)]


def orders_and_levels(*fast: tuple[str, int]) -> list[Any]:
    """All orders and levels, those but `fast` with the slow tests."""
    return [each if each in fast else pytest.param(*each, marks=pytest.mark.slow) for each in ALL]


ORDERS_AND_LEVELS = orders_and_levels(("1", 2))
# Each order once and both levels, for the parts of a method: how orders and levels go together is shown by searches
# without them, in all combinations.
EACH_ORDER = [
    each for each in ORDERS_AND_LEVELS if getattr(each, "values", each) in (("1", 2), ("2", 0), ("exact", 2))
]


def follow(
    oracle: Search,
    session: ImageSession,
    *,
    begin: Callable[[int], None] = lambda epoch: None,
    before: Callable[[ImageBatch], None] = lambda train: None,
) -> list[dict[str, Any]]:
    """Take all steps of all epochs on both sides, and compare all tensors after each; gives the rows of the history.

    Batches, rates and optimisers are the session's. `begin` is called with each epoch, from 0, and `before` with each
    training batch before the oracle's step.
    """
    drawn: list[ImageBatch] = []
    make, config, rows = session._batch, session.config, []

    def recorded(chosen: Any) -> ImageBatch:
        drawn.append(make(chosen))
        return drawn[-1]

    vars(session)["_batch"] = recorded
    for epoch in range(config.epochs):
        session.begin_epoch()
        begin(epoch)
        cosine = 0.5 * (1 + math.cos(math.pi * epoch / config.epochs))
        xi = config.lr_min + cosine * (config.lr - config.lr_min)
        for indices in session.batches:
            drawn.clear()
            session.take_step(indices)
            train, validation = drawn
            before(train)
            oracle.step(train, validation, xi)
            assert_equal(session.model.state_dict(), renamed(oracle.model, oracle.model.state_dict()))
        rows.append(session.end_epoch().history)
    return rows
