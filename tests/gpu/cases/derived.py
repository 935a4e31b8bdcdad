"""Training of a derived network: images a second of DARTS_V2 as the paper trains it, beside -O0 without graphs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from statistics import median
from typing import Any

from dartsl.lang.checker import check, pick_network
from dartsl.lang.settings.values import train_config
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.supernet import compile
from dartsl.run.determinism import kernels_of
from dartsl.training.feed import MemoryFeed
from dartsl.training.session import ImageSession
from tests.gpu.registry import Machine, Piece, case, variant_name
from tests.gpu.spaces import drawn
from tests.gpu.timing import WARM, await_, peak, reset

PAPER = {"batch": 96, "auxiliary": 0.4, "drop_path": 0.2, "cutout": 16, "epochs": 600}


@case(share=0.1)
def derived(machine: Machine) -> Iterator[Piece]:
    """C = 36, 20 cells; drop-path, auxiliary head, cutout."""
    plain = machine.variants()[0]
    yield "O0", partial(trained, machine, {"optimise": 0, **plain})
    for settings in machine.variants():
        name = ", ".join(part for part in ("O2", variant_name(settings)) if part)
        yield name, partial(trained, machine, {"optimise": 2, **settings})


def trained(machine: Machine, settings: dict[str, Any]) -> dict[str, Any]:
    """The median of three rounds of steps."""
    reset(machine)
    count, batch = (1, 4) if machine.small else (10, 96)
    session = session_of(machine, settings, batch)
    with kernels_of(machine.device, deterministic=False):
        session.epoch = session.config.epochs // 2  # in which paths are dropped
        session.begin_epoch()
        left = session.left()
        for _ in range(WARM):
            session.take_step(next(left))
        session.verify()
        rounds = []
        for _ in range(3):
            await_(machine)
            started = time.perf_counter()
            for _ in range(count):
                session.take_step(next(left))
            await_(machine)
            rounds.append((time.perf_counter() - started) / count)
    return {
        "ms": round(1000 * median(rounds), 3),
        "images_a_second": round(batch / median(rounds), 1),
    } | peak(machine)


def session_of(machine: Machine, settings: dict[str, Any], batch: int) -> ImageSession:
    spec = check(read("zoo/darts_v2"))
    given = {"device": machine.device, **PAPER, "batch": batch, **settings}
    config = train_config(pick_network(spec, None).takes, given)
    model = compile(spec, None, {"C": 4, "n": 1} if machine.small else {}, Build.of(config))
    return ImageSession(model, config, MemoryFeed(drawn(60 * batch), config, ""))
