"""What data cost: steps with batches that are prepared on a stream of their own, and with one batch again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from dartsl.data import Augment
from dartsl.run.determinism import kernels_of
from dartsl.searching.method import Moment
from tests.gpu.registry import Machine, Piece, case
from tests.gpu.spaces import SPACES, WHOLE, drawn, steps
from tests.gpu.timing import await_, warmed

MOST = 1.15  # times a step without data


@case(share=0.05)
def data(machine: Machine) -> Iterator[Piece]:
    """The same images as on the CPU; and their cost in first-order steps."""
    yield "same images", partial(same_images, machine)
    yield "cost", partial(cost, machine)


def same_images(machine: Machine) -> float:
    """The largest difference of a batch that is cropped, flipped, normalised and cut out."""
    images = drawn(64).train_images
    augment = Augment((0.49, 0.48, 0.45), (0.25, 0.24, 0.26), crop=4, flip=True, cutout=16)
    ours, theirs = (
        augment(images.to(device), torch.Generator().manual_seed(0)).cpu()
        for device in ("cpu", machine.device)
    )
    worst = float((ours - theirs).abs().max())
    assert worst < 1e-6, worst
    return worst


def cost(machine: Machine) -> dict[str, Any]:
    space, count = (SPACES["text"], 1) if machine.small else (WHOLE, 5)
    with kernels_of(machine.device, deterministic=False):
        session = warmed(machine, space, {"order": "1"})
        batches = session.draw(next(session.left()))
        spent = {"with": 0.0, "without": 0.0}
        for _ in range(3):
            for name in spent:
                await_(machine)
                started = time.perf_counter()
                if name == "with":
                    steps(session, count)
                else:
                    for number in range(count):
                        session.stepper.take(*batches, number, Moment(0, 1))
                await_(machine)
                spent[name] += (time.perf_counter() - started) / count / 3
    times = spent["with"] / spent["without"]
    return {
        **{f"{name}_data_ms": round(1000 * seconds, 3) for name, seconds in spent.items()},
        "times": round(times, 3),
        "cheap_enough": times <= MOST,
    }
