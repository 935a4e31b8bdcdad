"""Steps that are replayed as CUDA graphs against the same steps without them, bit for bit; the CPU has the recorder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from dartsl.run.determinism import kernels_of
from tests.gpu.registry import Machine, Piece, case
from tests.gpu.spaces import combinations, steps
from tests.search.runs import same
from tests.step.test_graphs import copied, recorded, run, trained_images, trained_text

EPOCHS = 3  # of a training of five steps each, or some more of text
Session = Any

TRAININGS: dict[str, tuple[Callable[..., Session], dict[str, Any]]] = {
    "training, drop-path": (trained_images, {"drop_path": 0.3, "auxiliary": 0.4, "ema": 0.9}),
    "training, bfloat16": (trained_images, {"drop_path": 0.3, "amp": True}),
    "training, little memory": (trained_images, {"drop_path": 0.3, "memory": "low"}),
    "training on text": (trained_text, {"nonmono": 0}),
}


@case(share=0.08)
def graphs(machine: Machine) -> Iterator[Piece]:
    """How many shapes were captured; an error for a reason against it, and for any bit that differs."""
    for name, space, settings in combinations(machine.small):
        make = partial(space.session, machine.device, **settings)
        count = 5 if machine.small else 12  # three before the capture
        yield name, partial(same_bits, machine, make, partial(steps, count=count))
    for name in machine.choose(tuple(TRAININGS), small=2):
        training, options = TRAININGS[name]
        made = partial(training, device=machine.device, **options)
        yield name, partial(same_bits, machine, made, partial(run, epochs=EPOCHS))


def same_bits(
    machine: Machine, make: Callable[..., Session], take: Callable[[Session], object]
) -> dict[str, Any]:
    states: list[Any] = []
    said: list[str] = []
    captured = 0
    with kernels_of(machine.device, deterministic=True):
        for wanted in (True, False):
            session = make(graphs=wanted)
            session.graphs.say = said.append
            if wanted and not machine.on_gpu:
                recorded(session)
            session.begin_epoch()
            take(session)
            session.verify()
            captured += sum(kind.replay is not None for kind in session.graphs._kinds.values())
            state = copied(session.state_dict())
            states.append({name: value for name, value in state.items() if name != "seconds"})
    assert not said, said
    assert captured
    same(states[0], states[1])
    return {"captured": captured}
