"""A search on a folder that is read as it is needed: the numbers of memory, whatever the workers, resumed exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from dartsl.data.batches import Batches, RandomBatches
from dartsl.data.folders import Ahead, large_folder
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.supernet import compile
from dartsl.searching import loop
from dartsl.searching.image_session import ImageSession
from dartsl.searching.images import images_of
from dartsl.searching.sessions import notes_of
from tests.search.runs import STEPS, checkpoint_of, job, quiet, rows, run, same, same_runs, settings

pytestmark = pytest.mark.usefixtures("undrawn")


def given(images: Path, **more: Any) -> dict[str, Any]:
    return {"data": str(images), "stream": "always", "workers": 0, **more}


@pytest.mark.parametrize("order", ["1", "2"])
def test_streamed_or_in_memory_is_the_same(tiny: Path, images: Path, order: str) -> None:
    for name, stream, workers in (("memory", "never", 0), ("stream", "always", 0), ("workers", "always", 2)):
        run(tiny, name, **given(images, stream=stream, workers=workers, order=order, cutout=2))
    memory, stream, workers = (tiny.parent / name for name in ("memory", "stream", "workers"))
    same(checkpoint_of(memory)["state"], checkpoint_of(stream)["state"])
    assert rows(memory / "history.jsonl") == rows(stream / "history.jsonl")
    assert (memory / "alphas.jsonl").read_bytes() == (stream / "alphas.jsonl").read_bytes()
    same_runs(stream, workers)


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "looks"), [(0, 1), (2, STEPS - 1), (2, STEPS + 2)])
def test_a_run_goes_on_bit_for_bit(
    tiny: Path,
    images: Path,
    stop_after: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
    looks: int,
) -> None:
    run(tiny, "whole", **given(images))
    stop_after(looks)
    path = run(tiny, "parts", **given(images, workers=workers)).path
    monkeypatch.undo()
    monkeypatch.setattr(loop, "render", lambda _dot, _kind: b"<svg/>")
    assert checkpoint_of(path)["state"]["step"] == looks
    assert loop.resume(path, console=quiet()).finished
    same_runs(tiny.parent / "whole", path)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_undone_step_is_taken_again_with_the_same_images(tiny: Path, images: Path, workers: int) -> None:
    config = settings(tiny, **given(images, workers=workers, warmup=0))
    model = compile(check(read(str(tiny))), build=Build.of(config))
    session = ImageSession(model, config, images_of(model.plan, config))
    session.begin_epoch()
    before = session.random_state()
    steps = iter(session.batches)
    first = session.draw(next(steps))
    next_first = session.draw(next(steps))
    session.load_random_state(before)
    steps = iter(session.batches)
    for expected in (first, next_first):
        for one, other in zip(expected, session.draw(next(steps)), strict=True):
            assert torch.equal(one.images, other.images)
            assert torch.equal(one.labels, other.labels)


def test_what_is_read_ahead_is_only_a_guess(tiny: Path, images: Path) -> None:
    data = large_folder(str(images), "always", (1, 8, 8, 3))
    assert data is not None
    asked: list[int] = []

    def upcoming() -> Iterator[Tensor]:
        asked.append(1)
        return iter([torch.tensor([2, 3]), torch.tensor([4])])

    ahead = Ahead(data, 2, upcoming)
    plain = Ahead(data, 0, upcoming)
    for places in ([0, 1], [2, 3], [7, 5], [2, 3], [4], [4], [9]):
        for one, other in zip(
            ahead.take(torch.tensor(places)), plain.take(torch.tensor(places)), strict=True
        ):
            assert torch.equal(one, other)
        assert plain.take(torch.tensor(places))[1].tolist() == data.train_labels[places].tolist()
    assert len(asked) == 4  # at 0 1, at 7 5 (after which its guess was right), at the second 4, and at 9


def test_upcoming_batches_are_those_that_come() -> None:
    batches, draws = Batches(torch.arange(10), 4, seed=1), RandomBatches(torch.arange(6), 2, seed=2)
    steps = iter(batches)
    next(steps)
    ahead, guesses = batches.upcoming(), draws.upcoming()
    found = [next(guesses) for _ in range(3)]
    assert [batch.tolist() for batch in steps] == [batch.tolist() for batch in ahead]
    assert [draws.draw().tolist() for _ in range(3)] == [batch.tolist() for batch in found]


def test_small_folders_lie_in_memory_and_large_ones_do_not(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect = (1, 8, 8, 3)
    assert large_folder(str(images), "auto", expect) is None
    assert large_folder(str(images), "never", expect) is None
    found = large_folder(str(images), "auto", expect, must=True)
    assert found is not None
    assert found.bytes == 24 * 64
    monkeypatch.setattr("dartsl.data.folders.IN_MEMORY", 24 * 64 - 1)
    assert large_folder(str(images), "auto", expect) is not None
    assert large_folder("digits", "auto", expect) is None


@pytest.mark.slow
def test_refusals_and_what_is_said(tiny: Path, images: Path) -> None:
    with pytest.raises(UserError, match="is not a folder of images"):
        run(tiny, "run", stream="always")
    (images / "Test").rename(images / "val")
    shown = images / "Testing"
    for label in range(3):
        (shown / f"n{label}").mkdir(parents=True)
        Image.new("L", (8, 8)).save(shown / f"n{label}" / "0.png")
    unused = "large: a search halves the training images; the validation images are not used"
    for stream in ("always", "never"):
        config = settings(tiny, **given(images, stream=stream))
        assert notes_of(images_of(compile(check(read(str(tiny))), build=Build.of(config)).plan, config)) == (
            unused,
        )
    console = quiet()
    config = settings(tiny, **given(images, epochs=1, warmup=0))
    loop.search(job(tiny, "one", console), config)
    assert f"note: {unused}\n" in console.file.getvalue()  # type: ignore[attr-defined]
    (images / "Train" / "n1" / "1.png").write_text("nothing")
    with pytest.raises(UserError, match=r"1.png: not a readable image"):
        run(tiny, "run", **given(images, workers=1, mean=(0.5,), std=(0.25,)))
