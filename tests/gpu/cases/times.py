"""Steps of -O2 beside those of -O0, in one process; what issue the figures must meet stands beside them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.gpu.registry import Machine, Piece, case, variant_name
from tests.gpu.spaces import ORDERS, SPACES, WHOLE, Space
from tests.gpu.timing import timed

WANTED = {"1": 8.0, "2": 8.0, "exact": 3.0}  # times faster than -O0 without graphs; peak memory at most its


@case(share=0.3)
def times(machine: Machine) -> Iterator[Piece]:
    """DARTS's space as the paper searches it (small: digits); then the small spaces as they are shipped."""
    space = SPACES["digits"] if machine.small else WHOLE
    count = 1 if machine.small else 5
    for order in machine.choose(ORDERS, small=2):
        yield f"order {order}", partial(against_plain, machine, space, count, order)
    shipped = {
        "digits": Space("digits", {}, {"data": "digits"}),
        "text": Space("text", {}, {"data": "markov"}),
    }
    for name, one in shipped.items():
        each = SPACES[name] if machine.small else one
        yield name, partial(against_plain, machine, each, count, "1")


def against_plain(machine: Machine, space: Space, count: int, order: str) -> dict[str, Any]:
    """-O0 without graphs, and -O2 with each choice of what can be switched."""
    plain = dict.fromkeys(machine.variants()[0], False)
    found = {"O0": timed(machine, space, count, {"order": order, "optimise": 0, **plain})}
    for settings in machine.variants():
        name = ", ".join(part for part in ("O2", variant_name(settings)) if part)
        found[name] = timed(machine, space, count, {"order": order, "optimise": 2, **settings})
    before = found["O0"]
    for measured in list(found.values())[1:]:
        measured["faster"] = round(before["ms"] / measured["ms"], 2)
        measured["fast_enough"] = measured["faster"] >= WANTED[order]
        if before["allocated"]:
            measured["part_of_memory"] = round(measured["allocated"] / before["allocated"], 3)
            measured["small_enough"] = measured["part_of_memory"] <= 1
    return found
