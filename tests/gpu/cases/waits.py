"""The steps of an epoch between two looks at its numbers, in which the host may not wait for the device."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from dartsl.step.verified import EVERY
from tests.gpu.registry import Machine, Piece, case
from tests.gpu.spaces import Space, combinations, steps


@case(share=0.04)
def waits(machine: Machine) -> Iterator[Piece]:
    """How many steps were taken without a wait; on a GPU torch raises where there is one."""
    for name, space, settings in combinations(machine.small):
        yield name, partial(take, machine, space, settings)


def take(machine: Machine, space: Space, settings: dict[str, Any]) -> int:
    session = space.session(machine.device, **settings)
    session.begin_epoch()
    steps(session, 1)  # kernels are chosen
    _forbid(machine, True)
    try:
        steps(session, EVERY - 2)
    finally:
        _forbid(machine, False)
    return EVERY - 2


def _forbid(machine: Machine, forbidden: bool) -> None:
    if machine.on_gpu:
        torch.cuda.set_sync_debug_mode("error" if forbidden else "default")
