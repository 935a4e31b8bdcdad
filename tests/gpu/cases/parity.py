"""The device against the CPU: the same search for three steps, in float64 and in float32."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from torch import Tensor

from tests.gpu.registry import Machine, Piece, case
from tests.gpu.spaces import Space, combinations, steps

CLOSE = {"float64": 1e-9, "float32": 0.02}  # relative, of parameters after three steps; TF32 has 10 bits
# In float32, of alphas, in norms: Adam takes steps of one size, and rounding turns the sign of what is almost 0.
ALPHAS_CLOSE = 0.3


@case(share=0.12)
def parity(machine: Machine) -> Iterator[Piece]:
    """The largest relative difference of any weight, and of the alphas."""
    for dtype in machine.choose(tuple(CLOSE), small=1):
        for name, space, settings in combinations(machine.small):
            yield f"{name}, {dtype}", partial(compare, machine.device, space, {**settings, "dtype": dtype})


def compare(device: str, space: Space, settings: dict[str, Any]) -> dict[str, float]:
    (ours, our_alphas), (theirs, their_alphas) = (
        after_three(space, each, settings) for each in ("cpu", device)
    )
    close = CLOSE[settings["dtype"]]
    found = {
        "weights": max(map(apart, ours, theirs)),
        "alphas": max(
            map(apart_in_norm if settings["dtype"] == "float32" else apart, our_alphas, their_alphas)
        ),
    }
    assert found["weights"] < close, found
    assert found["alphas"] < (ALPHAS_CLOSE if settings["dtype"] == "float32" else close), found
    return found


def apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max() / one.abs().max().clamp(min=1e-3))


def apart_in_norm(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / one.norm().clamp(min=1e-3))


def after_three(space: Space, device: str, settings: dict[str, Any]) -> tuple[list[Tensor], list[Tensor]]:
    """The weights and the alphas after three steps, on the CPU."""
    session = space.session(device, **settings)
    session.begin_epoch()
    steps(session, 3)
    session.verify()
    model = session.model
    weights, alphas = (
        [each.detach().cpu() for each in them] for them in (model.weights(), model.alpha_parameters())
    )
    return weights, alphas
