"""`--amp` beside float32: milliseconds a step, and how far the first losses are apart."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.gpu.registry import Machine, Piece, case
from tests.gpu.spaces import SPACES, WHOLE
from tests.gpu.timing import timed, warmed

FAR = 0.05  # relative, of the training loss after the first steps


@case(share=0.04)
def amp(machine: Machine) -> Iterator[Piece]:
    """First-order steps of -O2, with all that can be switched on and without."""
    yield "with all", partial(beside, machine, machine.variants()[-1])
    yield "plain", partial(beside, machine, machine.variants()[0])


def beside(machine: Machine, settings: dict[str, Any]) -> dict[str, Any]:
    space, count = (SPACES["text"], 1) if machine.small else (WHOLE, 10)
    long, short = (
        timed(machine, space, count, {"order": "1", "amp": each, **settings}) for each in (False, True)
    )
    losses = []
    for each in (False, True):
        losses.append(warmed(machine, space, {"order": "1", "amp": each, **settings}).read()["loss"] or 0.0)
    apart = abs(losses[0] - losses[1]) / losses[0]
    assert apart < FAR, losses
    faster = long["ms"] / short["ms"]
    return {
        "float32": long,
        "amp": short,
        "faster": round(faster, 2),
        "worth_it": faster > 1,
        "losses": losses,
    }
