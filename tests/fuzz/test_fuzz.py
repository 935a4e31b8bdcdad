"""A few dozen inputs of each kind; and that the fuzzer finds, tells apart and shrinks what fails."""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable

import pytest

from tests.fuzz import campaign
from tests.fuzz.campaign import Input, Kind, failure, run
from tests.fuzz.checkpoints import Checkpoints
from tests.fuzz.data import Data
from tests.fuzz.runs import Runs
from tests.fuzz.texts import Texts


@pytest.mark.parametrize(("kind", "count"), [(Texts, 40), (Runs, 25), (Checkpoints, 25), (Data, 60)])
def test_a_few_inputs(kind: Callable[[], Kind], count: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = run(kind(), seed=0, count=count)
    assert result.inputs == count
    assert list(result.failures.values()) == []


class Faulty:
    """Fails in two ways: at an x (with ValueError), and at a y."""

    def make(self, draw: random.Random) -> Input:
        return Input("it", bytes(draw.choice(b"abcxy") for _ in range(20)))

    def attempt(self, given: Input) -> None:
        if b"x" in given.data:
            raise ValueError(given.data)
        assert b"y" not in given.data


def test_failures_are_counted_and_shrunk() -> None:
    result = run(Faulty(), seed=1, count=200)
    found = {each.signature: each for each in result.failures.values()}
    assert {name: each.smallest.data for name, each in found.items()} == {
        "ValueError at the test": b"x",
        "AssertionError at the test": b"y",
    }
    makes = [Faulty().make(random.Random(f"1:{number}")).data for number in range(200)]
    assert found["ValueError at the test"].count == sum(b"x" in data for data in makes)
    assert found["AssertionError at the test"].count == sum(
        b"y" in data and b"x" not in data for data in makes
    )


def test_an_input_depends_on_the_seed_and_its_number() -> None:
    for kind in (Texts(), Data()):
        first = [kind.make(random.Random(f"3:{number}")) for number in range(8)]
        assert first == [kind.make(random.Random(f"3:{number}")) for number in range(8)]
        assert len(set(first)) > 4


def test_time_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "SECONDS", 0.01)

    class Endless(Faulty):
        def attempt(self, given: Input) -> None:
            while time.monotonic() > 0:
                pass

    found = failure(Endless(), Input("it", b""))
    assert found is not None
    assert found.signature == "TimeLimit at the test"


def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "MEGABYTES", -1)
    found = failure(Faulty(), Input("it", b"a"))
    assert found is not None
    assert found.signature == "MemoryLimit at the test"
