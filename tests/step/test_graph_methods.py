"""Captured steps of searches with relaxations and penalties of a user's own, and of runs that are short of memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from dartsl.nn.draws import Draws, stream_seed
from dartsl.nn.passing import Pass
from dartsl.nn.relaxations import Architecture, Relaxation, small_alphas
from dartsl.searching.figures import EpochFigures
from dartsl.searching.session import SearchSession
from dartsl.searching.terms import Moment, Relaxed
from tests.search.runs import same
from tests.step.recorder import Recorder
from tests.step.test_graphs import recorded, run, searched_images, trained_images

WORDS = "no CUDA graphs, every step is taken as it is: "
Weights = Callable[[Architecture, Pass], Tensor]


def drawn_ahead(given: Architecture, pass_: Pass) -> Tensor:
    """The softmax of noisy alphas, the noise of one kind of batch alone drawn by the network's own means."""
    noise = Draws(given.seed).normal(pass_, given.table.name, (1, *given.alphas.shape), given.alphas)
    return torch.softmax(given.alphas + noise[0], dim=-1)


def drawn_by_step(given: Architecture, pass_: Pass) -> Tensor:
    """The same by a generator of its own."""
    generator = torch.Generator().manual_seed(stream_seed(given.seed, pass_.step, pass_.kind))
    return torch.softmax(given.alphas + torch.randn(given.alphas.shape, generator=generator), dim=-1)


def relaxed(weights: Weights) -> SearchSession[Any]:
    session = searched_images()
    session.model.relaxation = Relaxation(small_alphas, weights)
    return session


def recorded_twice(make: Callable[[], Any]) -> tuple[Recorder, list[str]]:
    """A run with the recorder and one without end alike; the recorder, and what was said."""
    session, said = make(), list[str]()
    recorder = recorded(session)
    session.graphs.say = said.append
    for found, expected in zip(run(session, 2), run(make(), 2), strict=True):
        same(found, expected)
    return recorder, said


def test_what_a_relaxation_draws_by_draws_is_drawn_ahead() -> None:
    recorder, said = recorded_twice(lambda: relaxed(drawn_ahead))
    assert recorder.replays > 0
    assert said == []


def test_a_relaxation_that_asks_for_the_step_is_not_captured() -> None:
    recorder, said = recorded_twice(lambda: relaxed(drawn_by_step))
    assert recorder.captures == 0
    assert said == [WORDS + "the number of a step is asked for within a pass"]


def growing(model: Relaxed, moment: Moment) -> Tensor:
    return (moment.epoch + 1) * torch.stack(
        [alpha.square().sum() for alpha in model.alpha_parameters()]
    ).sum()


def penalised() -> SearchSession[Any]:
    session = searched_images(batch=3)
    session.stepper.method = session.method = replace(session.method, terms={"growing": growing})
    session.sums = EpochFigures("cpu", ("accuracy",), session.method.terms)
    return session


def test_penalties_are_captured_in_each_epoch() -> None:
    recorder, said = recorded_twice(penalised)
    assert recorder.captures == 2
    assert said == []


def test_dropout_after_skip_connections_is_drawn_ahead() -> None:
    recorder, said = recorded_twice(lambda: searched_images(batch=3, skip_dropout=0.4))
    assert recorder.captures == 2
    assert recorder.replays > 0
    assert said == []


def test_graphs_go_where_a_step_as_it_is_finds_too_little_memory() -> None:
    session, said = trained_images(), list[str]()
    recorder = recorded(session)
    session.graphs.say = said.append
    take = session._take

    def short(batch: Any, number: int) -> Any:
        if len(batch[0].labels) < 7 and recorder.captures and not said:
            raise torch.OutOfMemoryError("too little")
        return take(batch, number)

    session._take = short  # type: ignore[method-assign]
    same(run(session)[-1], run(trained_images())[-1])
    assert recorder.replays == 1
    assert said == [WORDS + "there is too little memory for them"]
