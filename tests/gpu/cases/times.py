"""Steps of -O2 beside those of -O0, in one process, data included; what they must reach stands beside them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.gpu.registry import Machine, Piece, case, variant_name
from tests.gpu.spaces import ORDERS, SPACES, WHOLE, Space
from tests.gpu.timing import timed

# Times faster than -O0 without graphs, in at most its memory; the spaces as they are shipped, than -O2 without.
WANTED = {"1": 8.0, "2": 8.0, "exact": 3.0}
SHIPPED = 4.0


@case(share=0.25)
def times(machine: Machine) -> Iterator[Piece]:
    """DARTS's space as the paper searches it (small: digits); then the small spaces as they are shipped."""
    space = SPACES["digits"] if machine.small else WHOLE
    count = 1 if machine.small else 5
    for order in machine.choose(ORDERS, small=2):
        yield f"order {order}", partial(against_plain, machine, space, count, order, 0, WANTED[order])
    shipped = {
        "digits": Space("digits", {}, {"data": "digits"}),
        "text": Space("text", {}, {"data": "markov"}),
    }
    for name, one in shipped.items():
        each = SPACES[name] if machine.small else one
        yield name, partial(against_plain, machine, each, count, "1", 2, SHIPPED)


def against_plain(
    machine: Machine, space: Space, count: int, order: str, level: int, wanted: float
) -> dict[str, Any]:
    """A level without what can be switched, and -O2 with each choice of it."""
    plain = machine.variants()[0]
    found = {f"O{level}": timed(machine, space, count, {"order": order, "optimise": level, **plain})}
    for settings in machine.variants()[1 if level == 2 else 0 :] or machine.variants():
        name = ", ".join(part for part in ("O2", variant_name(settings)) if part)
        found[name] = timed(machine, space, count, {"order": order, "optimise": 2, **settings})
    before, *others = found.values()
    for measured in others:
        measured["faster"] = round(before["ms"] / measured["ms"], 2)
        measured["fast_enough"] = measured["faster"] >= wanted
        if before["allocated"]:
            measured["part_of_memory"] = round(measured["allocated"] / before["allocated"], 3)
            measured["small_enough"] = measured["part_of_memory"] <= 1
    return found
