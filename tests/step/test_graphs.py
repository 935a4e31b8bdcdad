"""Searches and trainings whose steps are captured and replayed, by a recorder: the same as without, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from dartsl.data import ImageData, load
from dartsl.data.text import Corpus, load_text
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.records.inputs import Images, Tokens
from dartsl.lang.settings.schedules import Schedule
from dartsl.lang.settings.values import search_config, train_config
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.supernet import compile
from dartsl.searching.session import SearchSession
from dartsl.searching.sessions import session_of
from dartsl.step.finite import NonFiniteError
from dartsl.training.feed import MemoryFeed
from dartsl.training.session import ImageSession
from dartsl.training.text_session import TextSession
from tests.search.runs import same
from tests.step.recorder import Recorder

SEARCHED = """darts 1
import "std/cnn"
ops own = none | skip_connect | noise | sep_conv(3)
cell normal {
  input  c0, c1 : preprocess
  node   n0, n1 : sum keep 1
  edge   all -> n0, n1 : own
  output concat(n0, n1)
}
cell reduction = normal
network searched(C = 2) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage normal      width C
  stage reduction/2 width 2*C
  head  global_avg_pool > linear(10)
}
"""
DECIDED = """darts 1
import "std/cnn"
cell one {
  input  c0, c1 : preprocess
  node   n0 : sum
  edge   c0 -> n0 : sep_conv(3)
  edge   c1 -> n0 : skip_connect
  output concat(n0)
}
network decided(C = 4) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage one * 3 width C
  head  global_avg_pool > linear(10)
}
"""
Session = Any


def digits(count: int) -> ImageData:
    """The first training images of the digits."""
    data = load("digits")
    return replace(data, train_images=data.train_images[:count], train_labels=data.train_labels[:count])


def text() -> Corpus:
    """The beginning of the generated text."""
    corpus = load_text("markov", "word")
    return replace(corpus, train=corpus.train[:800], valid=corpus.valid[:400])


def searched_images(**settings: Any) -> SearchSession[Any]:
    given = {"device": "cpu", "data": "digits", "batch": 4, "epochs": 3, "crop": 1, "cutout": 2, **settings}
    config = search_config(Images, given)
    model = compile(check(Source("searched.darts", SEARCHED)), None, {}, Build.of(config))
    return session_of(model, config, digits(36))


def searched_text(**settings: Any) -> SearchSession[Any]:
    given = {"device": "cpu", "data": "markov", "batch": 32, "bptt": 5, "epochs": 3, **settings}
    config = search_config(Tokens, given)
    model = compile(check(read("text")), None, {"H": 4}, Build.of(config))
    return session_of(model, config, text())


def trained_images(**settings: Any) -> ImageSession:
    given = {"device": "cpu", "data": "digits", "batch": 7, "epochs": 3, "crop": 1, **settings}
    config = train_config(Images, given)
    model = compile(check(Source("decided.darts", DECIDED)), None, {}, Build.of(config))
    return ImageSession(model, config, MemoryFeed(digits(36), config, ""))


def trained_text(**settings: Any) -> TextSession:
    given = {"device": "cpu", "data": "markov", "batch": 32, "bptt": 5, "epochs": 3, **settings}
    config = train_config(Tokens, given)
    model = compile(check(read("zoo/rnn_v2")), None, {"H": 4, "vocab": 8}, Build.of(config))
    return TextSession(model, config, text())


def recorded(session: Session) -> Recorder:
    """Let a session capture its steps by a recorder."""

    def static() -> Iterator[Tensor]:
        yield from [*session.model.parameters(), *session.model.buffers()]
        for optimizer in session.optimizers:
            yield from optimizer.factors.tensors()
            yield from (v for s in optimizer.state.values() for v in s.values() if isinstance(v, Tensor))
        loss = getattr(getattr(session, "_objective", None), "loss", None)
        yield from [] if loss is None or loss._weights is None else [loss._weights]

    recorder = session.graphs.backend = Recorder(session.graphs, static)
    return recorder


def run(session: Session, epochs: int = 3) -> list[dict[str, Any]]:
    """All that a session has after each of some epochs, but for the time they took."""
    states = []
    for _ in range(epochs):
        session.begin_epoch()
        for place in session.left():
            session.take_step(place)
        session.end_epoch()
        state = session.state_dict()
        states.append({name: value for name, value in copied(state).items() if name != "seconds"})
    return states


def copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {name: copied(each) for name, each in value.items()}
    return [copied(each) for each in value] if isinstance(value, list | tuple) else value


CASES: dict[str, tuple[Callable[..., Session], dict[str, Any]]] = {
    "images": (searched_images, {"warmup": 1}),
    "images, gumbel": (
        searched_images,
        {"relaxation": "gumbel", "perturb": "adversarial", "perturb_steps": 2},
    ),
    "training": (trained_images, {"drop_path": 0.3, "auxiliary": 0.4, "ema": 0.9}),
    "images, projection": (
        searched_images,
        {"epochs": 1, "derive": "perturbation", "projection_interval": 1},
    ),
    "text": (searched_text, {}),
}
LONG: dict[str, tuple[Callable[..., Session], dict[str, Any]]] = {
    "images, order 2": (searched_images, {"order": "2"}),
    "images, order 2, O0": (searched_images, {"order": "2", "optimise": 0}),
    "images, exact": (searched_images, {"order": "exact"}),
    "images, exact, O0": (searched_images, {"order": "exact", "optimise": 0}),
    "images, little memory": (searched_images, {"order": "2", "memory": "low"}),
    "images, amp": (searched_images, {"amp": True}),
    "text, order 2": (
        searched_text,
        {"order": "2", "perturb": "adversarial", "epsilon": Schedule.constant(0.1), "perturb_steps": 2},
    ),
    "text, exact, O0": (searched_text, {"order": "exact", "optimise": 0}),
    "training, in parts": (
        trained_images,
        {"drop_path": 0.3, "accumulate": 2, "class_weights": "balanced", "optimise": 0},
    ),
    "training, little memory": (trained_images, {"drop_path": 0.3, "memory": "low", "momentum": 0.0}),
    "training on text": (trained_text, {"nonmono": 0}),
}


class Watched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Does nothing. Yet torch's derivatives of the exact order round otherwise within it, as they do while recorded."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def check_case(make: Callable[..., Session], settings: dict[str, Any]) -> None:
    session = make(**settings)
    recorder = recorded(session)
    mode: Any = Watched
    with mode() if settings.get("order") == "exact" else nullcontext():
        replayed, plain = run(session), run(make(**settings))
    assert session.graphs.obstacle is None
    assert recorder.replays > 0
    for found, expected in zip(replayed, plain, strict=True):
        same(found, expected)


@pytest.mark.parametrize("case", CASES)
def test_replayed_steps_are_the_same(case: str) -> None:
    check_case(*CASES[case])


@pytest.mark.slow
@pytest.mark.parametrize("case", LONG)
def test_replayed_steps_of_every_kind_are_the_same(case: str) -> None:
    check_case(*LONG[case])


def test_a_restored_session_goes_on_bit_for_bit() -> None:
    whole = trained_images(drop_path=0.3)
    expected = run(whole)[-1]
    first = trained_images(drop_path=0.3)
    recorded(first)
    run(first, 1)
    first.begin_epoch()
    for _, place in zip(range(2), first.left(), strict=False):
        first.take_step(place)
    first.verify()
    state = copied(first.state_dict())
    other = trained_images(drop_path=0.3)
    for session in (other, first):  # one that begins, and one whose steps are captured already
        recorder = recorded(session)
        session.load_state_dict(copied(state))
        same(run(session, 2)[-1], expected)
        assert recorder.replays > 0


def test_a_step_that_is_not_finite_is_undone() -> None:
    found = []
    for capture in (False, True):
        session = trained_images(drop_path=0.3, batch=2, epochs=1)
        recorder = recorded(session) if capture else None
        session.left = partial(poisoned, session, session.left)  # type: ignore[method-assign]
        session.begin_epoch()
        with pytest.raises(NonFiniteError) as error:
            list(map(session.take_step, session.left()))
        assert recorder is None or recorder.replays == 7
        assert session.place == 9
        session.undo()
        found.append((str(error.value), session.place, copied(session.state_dict())))
    assert found[0][:2] == found[1][:2]
    same({**found[0][2], "seconds": 0}, {**found[1][2], "seconds": 0})


def test_a_step_that_is_undone_makes_what_optimisers_keep_anew() -> None:
    """Back before the first step there is no momentum; graphs that had it are not replayed then."""
    found = []
    for capture in (False, True):
        session = trained_images(batch=4, momentum=0.9)
        recorder = recorded(session) if capture else None
        session.begin_epoch()
        for _, place in zip(range(6), session.left(), strict=False):
            session.take_step(place)
        session.undo()
        assert not session.optimizer.state
        found.append(run(session, 2)[-1])
        assert recorder is None or recorder.captures == 2
    same(found[0], found[1])


def poisoned(session: ImageSession, left: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    """The batches that are left, the ninth with an infinite image."""
    for place in left():
        if session.place == 9:
            place[0].images[0] = torch.inf
        yield place
