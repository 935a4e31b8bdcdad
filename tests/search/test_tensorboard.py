"""Event files: the numbers of the history, each epoch once, whatever happened in between."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run import loop as run_loop
from dartsl.run.parallel import Group
from dartsl.searching import loop
from tests.search.runs import quiet, rows, run

pytestmark = pytest.mark.usefixtures("undrawn")


class Died(BaseException):
    """Nothing catches it, like a process's death."""


def scalars(path: Path) -> dict[str, list[tuple[int, float]]]:
    found = EventAccumulator(str(path / "tensorboard"))
    found.Reload()
    return {
        tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]
    }


def test_events_are_the_history(tiny: Path) -> None:
    assert run(tiny, "run", tensorboard=True).finished
    found = scalars(tiny.parent / "run")
    history = rows(tiny.parent / "run" / "history.jsonl")
    assert {"loss/training", "entropy/normal", "learning_rate/lr", "seconds/epoch"} <= set(found)
    for tag, name in {"loss/training": "train_loss", "accuracy/validation": "validation_accuracy"}.items():
        assert [step for step, _ in found[tag]] == [1, 2]
        assert [value for _, value in found[tag]] == pytest.approx([row[name] for row in history], rel=1e-6)


def test_a_run_that_goes_on_tells_each_epoch_once(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run dies after an epoch's events, before its checkpoint: the epoch comes again."""
    save = run_loop.save

    def die(session: run_loop.Session, folder: run_loop.RunFolder, group: Group) -> None:
        if session.epoch == 2:
            raise Died
        save(session, folder, group)

    monkeypatch.setattr(run_loop, "save", die)
    with pytest.raises(Died):
        run(tiny, "run", tensorboard=True, epochs=3)
    monkeypatch.undo()
    path = tiny.parent / "run"
    assert [step for step, _ in scalars(path)["loss/training"]] == [1, 2]
    assert loop.resume(path, console=quiet()).finished
    assert [step for step, _ in scalars(path)["loss/training"]] == [1, 2, 3]
    files = len(list((path / "tensorboard").iterdir()))
    assert loop.resume(path, console=quiet()).finished  # with nothing left to do
    assert len(list((path / "tensorboard").iterdir())) == files == 2


def test_without_the_setting_there_are_none(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert run(tiny, "run").finished
    assert not (tiny.parent / "run" / "tensorboard").exists()


def test_a_missing_package_is_reported_before_anything_is_done(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match="need the package tensorboard") as caught:
        run(tiny, "run", tensorboard=True)
    assert "pip install 'dartsl[tensorboard]'" in str(caught.value.help)
    assert not (tiny.parent / "run").exists()


def test_a_place_that_cannot_be_written_is_reported(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = run_loop.events

    def in_the_way(folder: run_loop.RunFolder) -> object:
        (folder.path / "tensorboard").write_text("a file of this name")
        return begin(folder)

    monkeypatch.setattr(run_loop, "events", in_the_way)
    with pytest.raises(UserError, match=r"cannot write in .*tensorboard"):
        run(tiny, "run", tensorboard=True)
