"""Values that are made ahead, by a stream that is none: they are those that are asked for, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch

from dartsl.data import device
from dartsl.data.device import Guessed, home, moved, one_ahead, picked, same
from tests.data.asides import FakeAside


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> FakeAside:
    found = FakeAside("cpu")
    monkeypatch.setattr(device, "aside", lambda _device: found)
    return found


def number(value: int) -> torch.Tensor:
    return torch.tensor([value])


def test_the_cpu_prepares_nothing_ahead() -> None:
    assert device.aside("cpu") is None
    asked = []

    def make(value: int) -> int:
        asked.append(value)
        return value

    values = one_ahead("cpu", (partial(make, value) for value in range(3)))
    assert next(values) == 0
    assert asked == [0]
    guessed: Guessed[int] = Guessed("cpu")
    guessed.guess(1, partial(make, 1))
    assert asked == [0]
    assert guessed.take(1, partial(make, 5)) == 5


def test_one_value_is_made_while_the_one_before_is_used(beside: FakeAside) -> None:
    values = one_ahead("cpu", (partial(number, value) for value in range(3)))
    found = []
    for value in values:
        found.append(int(value))
        assert beside.given == len(found)
        assert beside.made == min(len(found) + 1, 3)
    assert found == [0, 1, 2]
    assert list(one_ahead("cpu", [])) == []


def test_a_value_that_fails_fails_in_its_turn(beside: FakeAside) -> None:
    def makers() -> Iterator[Callable[[], torch.Tensor]]:
        yield partial(number, 0)
        yield partial(number, 1)
        raise OSError("gone")

    values = one_ahead("cpu", makers())
    assert [int(next(values)), int(next(values))] == [0, 1]
    with pytest.raises(OSError, match="gone"):
        next(values)


def test_a_guess_is_taken_where_it_is_right_and_once(beside: FakeAside) -> None:
    guessed: Guessed[torch.Tensor] = Guessed("cpu")
    choice = (torch.tensor([1, 2]), 3, (None, "x"))
    guessed.guess(choice, partial(number, 10))
    assert int(guessed.take((torch.tensor([1, 2]), 3, (None, "x")), partial(number, 11))) == 10
    assert int(guessed.take(choice, partial(number, 12))) == 12
    guessed.guess(choice, partial(number, 10))
    assert int(guessed.take((torch.tensor([1, 3]), 3, (None, "x")), partial(number, 13))) == 13
    assert int(guessed.take(choice, partial(number, 14))) == 14  # the wrong guess is forgotten
    assert beside.given == 1


def test_a_guess_that_fails_is_none(beside: FakeAside) -> None:
    guessed: Guessed[torch.Tensor] = Guessed("cpu")
    guessed.guess(1, partial(number, 1))
    guessed.guess(2, lambda: torch.tensor([1])[5:6].view(7))
    assert int(guessed.take(1, partial(number, 3))) == 3


@pytest.mark.parametrize(
    "other", [(torch.tensor([1]), 2.0), (torch.tensor([1]),), (torch.tensor([2]), 2), (1, 2)]
)
def test_choices_differ(other: tuple[object, ...]) -> None:
    assert same((torch.tensor([1]), 2), (torch.tensor([1]), 2))
    assert not same((torch.tensor([1]), 2), other)


def test_images_stay_on_the_cpu_where_a_gpu_has_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (4000, 8000))
    assert home(1000, "cuda:1") == torch.device("cuda:1")
    assert home(1001, "cuda:1") == torch.device("cpu")
    assert home(10**12, "cpu") == torch.device("cpu")
    values = torch.arange(10)
    assert picked(values, torch.tensor([3, 1]), "cpu").tolist() == [3, 1]
    assert moved(values, "cpu") is values
