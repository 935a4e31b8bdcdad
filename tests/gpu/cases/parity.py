"""The device against the CPU: the same search for three steps, in float64 and in float32."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from torch import Tensor

from tests.gpu.registry import Machine, Piece, case
from tests.gpu.spaces import Space, combinations, steps

CLOSE = {"float64": 1e-9, "float32": 0.02}  # relative, of parameters after three steps; TF32 has 10 bits


@case(share=0.12)
def parity(machine: Machine) -> Iterator[Piece]:
    """The largest relative difference of any parameter."""
    for dtype in machine.choose(tuple(CLOSE), small=1):
        for name, space, settings in combinations(machine.small):
            yield f"{name}, {dtype}", partial(compare, machine.device, space, {**settings, "dtype": dtype})


def compare(device: str, space: Space, settings: dict[str, Any]) -> float:
    ours, theirs = (after_three(space, each, settings) for each in ("cpu", device))
    worst = max(
        float((one - other).abs().max() / one.abs().max().clamp(min=1e-3))
        for one, other in zip(ours, theirs, strict=True)
    )
    assert worst < CLOSE[settings["dtype"]], worst
    return worst


def after_three(space: Space, device: str, settings: dict[str, Any]) -> list[Tensor]:
    """The parameters after three steps, on the CPU."""
    session = space.session(device, **settings)
    session.begin_epoch()
    steps(session, 3)
    session.verify()
    return [value.detach().cpu() for value in session.model.parameters()]
