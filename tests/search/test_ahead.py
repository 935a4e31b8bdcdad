"""Batches that are prepared ahead, by a stream that is none: no number and no state differs from those of the CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

import dartsl
from dartsl.data import device
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.supernet import compile
from dartsl.searching import loop
from dartsl.searching.image_session import ImageSession
from dartsl.searching.images import images_of
from tests.data.asides import FakeAside
from tests.search.runs import STEPS, quiet, run, same, same_runs, settings

pytestmark = pytest.mark.usefixtures("undrawn")
DRAWS = {"cutout": 2, "flip": True, "crop": 1}
EPOCHS = 2


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> list[FakeAside]:
    """Every stream that is begun."""
    made: list[FakeAside] = []

    def aside(_device: str) -> FakeAside:
        made.append(FakeAside("cpu"))
        return made[-1]

    monkeypatch.setattr(device, "aside", aside)
    return made


@pytest.mark.parametrize("order", ["1", "2"])
def test_a_search_has_the_same_numbers(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, beside: list[FakeAside], order: str
) -> None:
    run(tiny, "ahead", order=order, **DRAWS)
    assert [each.given for each in beside] == [EPOCHS * (STEPS - 1)]  # all but the first step of an epoch
    monkeypatch.setattr(device, "aside", lambda _device: None)
    run(tiny, "plain", order=order, **DRAWS)
    same_runs(tiny.parent / "plain", tiny.parent / "ahead")


@pytest.mark.parametrize("workers", [0, 2])
def test_folders_are_read_ahead_too(
    tiny: Path, images: Path, monkeypatch: pytest.MonkeyPatch, beside: list[FakeAside], workers: int
) -> None:
    streamed = {"data": str(images), "stream": "always", "workers": workers, **DRAWS}
    run(tiny, "ahead", **streamed)
    assert [each.given for each in beside] == [EPOCHS * (STEPS - 1)]
    monkeypatch.setattr(device, "aside", lambda _device: None)
    run(tiny, "plain", **(streamed | {"workers": 0}))
    same_runs(tiny.parent / "plain", tiny.parent / "ahead")


def test_a_file_that_cannot_be_read_stops_its_own_step(
    tiny: Path, images: Path, beside: list[FakeAside]
) -> None:
    config = settings(tiny, data=str(images), stream="always", workers=0)
    model = compile(check(read(str(tiny))), build=Build.of(config))
    session = ImageSession(model, config, images_of(model.plan, config))
    session.begin_epoch()
    left = session.left()
    session.step(next(left))
    for path in images.rglob("*.png"):
        path.write_bytes(b"no image")
    session.step(next(left))  # its batches were read before, and those of the third step cannot be
    with pytest.raises(UserError):
        session.step(next(left))


def test_what_was_prepared_and_not_taken_does_not_count(
    tiny: Path,
    stop_after: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    beside: list[FakeAside],
) -> None:
    run(tiny, "whole", **DRAWS)
    stop_after(2)
    path = run(tiny, "parts", **DRAWS).path
    assert beside[-1].made == 2
    assert beside[-1].given == 1
    monkeypatch.undo()
    monkeypatch.setattr(loop, "render", lambda _dot, _kind: b"<svg/>")
    assert loop.resume(path, console=quiet()).finished
    same_runs(tiny.parent / "whole", path)


def test_an_undone_step_gets_its_own_batches_again(tiny: Path, beside: list[FakeAside]) -> None:
    config = settings(tiny, warmup=0, **DRAWS)
    model = compile(check(read(str(tiny))), build=Build.of(config))
    session = ImageSession(model, config, images_of(model.plan, config))
    session.begin_epoch()
    before = session.random_state()
    left = session.left()
    first, second = session.draw(next(left)), session.draw(next(left))
    session.load_random_state(before)
    for _ in range(2):  # what was prepared for the third step is not what the first one asks for
        session.look_ahead()
        session.load_random_state(before)
        left = session.left()
        same([part[:2] for part in session.draw(next(left))], [part[:2] for part in first])
        session.look_ahead()
        same([part[:2] for part in session.draw(next(left))], [part[:2] for part in second])


def test_looking_ahead_changes_no_state(tiny: Path, beside: list[FakeAside]) -> None:
    config = settings(tiny, **DRAWS)
    model = compile(check(read(str(tiny))), build=Build.of(config))
    session = ImageSession(model, config, images_of(model.plan, config))
    session.begin_epoch()
    state, torchs = session.state_dict(), torch.get_rng_state()
    session.look_ahead()
    assert beside[0].made == 1
    same(session.state_dict(), state)
    assert torch.equal(torch.get_rng_state(), torchs)


class Own(Dataset[tuple[Tensor, int]]):
    """Images that are drawn anew each time they are read."""

    def __len__(self) -> int:
        return 24

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return torch.randint(256, (1, 8, 8), dtype=torch.uint8), place % 3


def test_data_of_ones_own_are_read_ahead_with_their_own_draws(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, beside: list[FakeAside]
) -> None:
    ahead = dartsl.search(tiny, tiny.parent / "ahead", data=Own(), quiet=True)
    assert [each.given for each in beside] == [EPOCHS * (STEPS - 1)]
    monkeypatch.setattr(device, "aside", lambda _device: None)
    plain = dartsl.search(tiny, tiny.parent / "plain", data=Own(), quiet=True)
    same_runs(plain.path, ahead.path)
