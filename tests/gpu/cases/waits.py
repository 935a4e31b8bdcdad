"""The steps of an epoch between two looks at its numbers, in which the host may not wait for the device."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from dartsl.step.graphs import WARM
from dartsl.step.verified import EVERY
from tests.gpu.registry import Machine, Piece, case
from tests.gpu.spaces import Space, combinations, steps

QUIET = EVERY - WARM - 2  # steps between those before and the one that looks at the numbers


@case(share=0.04)
def waits(machine: Machine) -> Iterator[Piece]:
    """How many steps were taken without a wait; on a GPU torch raises where there is one."""
    for name, space, settings in combinations(machine.small):
        yield name, partial(take, machine, space, settings)


def take(machine: Machine, space: Space, settings: dict[str, Any]) -> int:
    session = space.session(machine.device, **settings)
    session.begin_epoch()
    steps(session, WARM + 1)  # kernels are chosen, and graphs captured
    _forbid(machine, True)
    try:
        steps(session, QUIET)
    finally:
        _forbid(machine, False)
    return QUIET


def _forbid(machine: Machine, forbidden: bool) -> None:
    if machine.on_gpu:
        torch.cuda.set_sync_debug_mode("error" if forbidden else "default")
