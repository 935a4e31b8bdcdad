"""The memory estimate of `info --device cuda` beside the peak of a search's steps."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from dartsl.lang.checker import check, pick_network
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.searching.memory import step_memory
from tests.gpu.registry import Machine, Piece, case
from tests.gpu.spaces import SPACES, WHOLE, Space
from tests.gpu.timing import timed

WITHIN = 0.2


@case(share=0.04)
def memory(machine: Machine) -> Iterator[Piece]:
    """DARTS's space at -O2 and -O0 in both orders, and text."""
    if not machine.small:
        for level, order in ((2, "1"), (0, "1"), (2, "2")):
            yield f"order {order}, O{level}", partial(beside, machine, WHOLE, order, level)
    yield "text", partial(beside, machine, SPACES["text"], "1", 2)


def beside(machine: Machine, space: Space, order: str, level: int) -> dict[str, Any]:
    """Bytes estimated, by what they hold, and measured; the data set apart, which lies on the GPU as well."""
    spec = check(read(space.spec))
    planned = plan(spec, pick_network(spec, None), space.parameters)
    batch = int(space.settings["batch"])
    parts = step_memory(planned, batch, order, Build(level=level, device="cuda"))
    measured = timed(machine, space, 1, {"order": order, "optimise": level})
    found = {"estimated": parts.total, "parts": vars(parts), "measured": measured}
    if measured["allocated"] is None:
        return found
    held = measured["allocated"] - (space.data().bytes if space.spec != "text" else 0)
    return found | {
        "ratio": round(parts.total / held, 3),
        "close_enough": abs(parts.total / held - 1) <= WITHIN,
    }
