"""Runs that are given another number of epochs: what is done stays, what comes follows the new schedule."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run.resuming import Anew, epochs_of
from dartsl.searching import loop as searching
from dartsl.searching.method import learning_rate
from dartsl.training import loop as training
from dartsl.training import seeds
from tests.search.conftest import stop_after, tiny, undrawn
from tests.search.runs import checkpoint_of, quiet, rows, run, same
from tests.search.test_text_loop import story
from tests.train.conftest import TINY as DECIDED
from tests.train.runs import job as training_job
from tests.train.runs import settings as training_settings

__all__ = ["stop_after", "story", "tiny", "undrawn"]  # fixtures


def said(console: Any) -> str:
    return str(console.file.getvalue())


@pytest.fixture
def decided(tiny: Path) -> Path:
    path = tiny.parent / "decided.darts"
    path.write_text(DECIDED.replace("linear(7)", "linear(3)"))
    return path


@pytest.mark.usefixtures("undrawn")
def test_a_finished_search_is_prolonged(tiny: Path) -> None:
    path, console = run(tiny, "run").path, quiet()
    before, found = rows(path / "history.jsonl"), (path / "found.darts").read_text()
    assert searching.resume(path, Anew(epochs=4), console=console).finished
    after = rows(path / "history.jsonl")
    assert after[:2] == before
    rates = [learning_rate(epoch, epochs, 0.025, 0.001) for epoch, epochs in ((0, 2), (1, 2), (2, 4), (3, 4))]
    assert [row["lr"] for row in after] == pytest.approx(rates)
    assert "4 epochs in place of 2: from epoch 3 on, schedules are those of 4 epochs" in said(console)
    record = json.loads((path / "run.json").read_text())
    assert record["settings"]["epochs"] == 4
    assert record["command"] == f"typed && dartsl search --resume {path} --epochs 4"
    assert (path / "found.darts").read_text() != found
    assert f"# command  {record['command']}" in (path / "found.darts").read_text()
    console = quiet()
    assert searching.resume(path, console=console).finished  # four epochs are done
    assert "in place of" not in said(console)


@pytest.mark.usefixtures("undrawn")
def test_before_its_first_step_a_prolonged_search_is_a_longer_one(
    tiny: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that is prolonged in two goes is that of one go."""
    run(tiny, "whole", epochs=3)
    path = run(tiny, "run").path
    for name in ("checkpoint.pt", "found.darts"):
        (path / name).unlink()
    for name in ("history.jsonl", "alphas.jsonl"):
        (path / name).write_text("")
    stop_after(2)
    console = quiet()
    assert not searching.resume(path, Anew(epochs=3), console=console).finished
    assert "from epoch 1 on" in said(console)
    monkeypatch.undo()
    monkeypatch.setattr(searching, "render", lambda _dot, _kind: b"<svg/>")
    assert searching.resume(path, console=quiet()).finished
    same(checkpoint_of(path), checkpoint_of(tiny.parent / "whole"))
    assert rows(path / "history.jsonl") == rows(tiny.parent / "whole" / "history.jsonl")


@pytest.mark.usefixtures("undrawn")
def test_a_search_in_mid_epoch_is_prolonged_or_shortened_but_never_below_what_is_done(
    tiny: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(5)  # epochs have three steps
    path = run(tiny, "run", epochs=7, warmup=0).path
    monkeypatch.undo()
    monkeypatch.setattr(searching, "render", lambda _dot, _kind: b"<svg/>")
    before = (path / "run.json").read_bytes(), (path / "checkpoint.pt").read_bytes()
    with pytest.raises(UserError, match="cannot end after 1 epoch: 1 epoch is done, and a part") as caught:
        searching.resume(path, Anew(epochs=1), console=quiet())
    assert "leaves none in which" not in str(caught.value)
    assert caught.value.help == "give --epochs 2 or more"
    assert before == ((path / "run.json").read_bytes(), (path / "checkpoint.pt").read_bytes())
    console = quiet()
    assert searching.resume(path, Anew(epochs=2), console=console).finished
    assert "2 epochs in place of 7: from step 3 of epoch 2 on" in said(console)
    assert [row["lr"] for row in rows(path / "history.jsonl")] == pytest.approx(
        [learning_rate(0, 7, 0.025, 0.001), learning_rate(1, 2, 0.025, 0.001)]
    )
    with pytest.raises(UserError, match="cannot end after 1 epoch: 2 epochs are done"):
        searching.resume(path, Anew(epochs=1), console=quiet())


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("epochs", [0, -3, 10**9])
def test_what_is_no_number_of_epochs_is_refused(tiny: Path, epochs: int) -> None:
    path = run(tiny, "run", epochs=1, warmup=0).path
    with pytest.raises(UserError, match="is not a value for the setting `epochs`"):
        searching.resume(path, Anew(epochs=epochs), console=quiet())


@pytest.mark.usefixtures("undrawn")
def test_a_process_that_dies_while_it_prolongs_leaves_a_run_that_goes_on(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run(tiny, "run").path
    found = (path / "found.darts").read_bytes()

    class DiedError(Exception):
        pass

    def die(*_: object) -> None:
        raise DiedError

    with monkeypatch.context() as patch:
        patch.setattr("dartsl.run.folder.write_json", die)
        with pytest.raises(DiedError):
            searching.resume(path, Anew(epochs=4), console=quiet())
    assert not (path / "found.darts").exists()
    assert searching.resume(path, console=quiet()).finished  # it was not prolonged
    assert (path / "found.darts").read_bytes() == found


def test_a_search_on_text_whose_rate_is_constant_is_that_of_the_whole_length(story: Path) -> None:
    from tests.search.test_text_loop import run as run_text

    run_text(story, "whole", epochs=2)
    path = run_text(story, "run", epochs=1).path
    assert searching.resume(path, Anew(epochs=2), console=quiet()).finished
    same(checkpoint_of(path), checkpoint_of(story.parent / "whole"))
    assert rows(path / "history.jsonl") == rows(story.parent / "whole" / "history.jsonl")


def test_a_training_is_prolonged_with_its_rate_and_its_drop_path(decided: Path) -> None:
    config = training_settings(decided, drop_path=0.3, auxiliary=0.0)
    path = decided.parent / "run"
    training.train(training_job(decided, "run"), config)
    console = quiet()
    result = training.resume(path, Anew(epochs=3), console=console)
    assert result.finished
    history = rows(path / "history.jsonl")
    assert [row["drop_path"] for row in history] == pytest.approx([0.0, 0.15, 0.2])
    rates = [learning_rate(epoch, epochs, 0.025, 0.0) for epoch, epochs in ((0, 2), (1, 2), (2, 3))]
    assert [row["lr"] for row in history] == pytest.approx(rates)
    assert json.loads((path / "result.json").read_text())["epochs"] == 3
    assert "from epoch 3 on" in said(console)


def test_all_seeds_are_prolonged(decided: Path) -> None:
    """By a schedule that does not look at the last epoch: that of one long training."""
    config = training_settings(decided, schedule="exponential", drop_path=0.0, auxiliary=0.0, epochs=1)
    path = decided.parent / "two"
    seeds.start(training_job(decided, "two"), config, 2)
    assert seeds.resume(path, Anew(epochs=2), console=quiet())[-1].finished
    for seed in (0, 1):
        whole = decided.parent / f"whole{seed}"
        long = training_settings(
            decided, schedule="exponential", drop_path=0.0, auxiliary=0.0, epochs=2, seed=seed
        )
        training.train(training_job(decided, whole.name), long)
        same(checkpoint_of(path / f"seed{seed}"), checkpoint_of(whole))


def test_seeds_that_were_done_follow_a_first_one_that_was_prolonged_before_an_interruption(
    decided: Path,
) -> None:
    config = training_settings(decided, epochs=1)
    path = decided.parent / "two"
    seeds.start(training_job(decided, "two"), config, 2)
    training.resume(path / "seed0", Anew(epochs=2), console=quiet())
    seeds.resume(path, console=quiet())
    epochs = [json.loads((path / f"seed{seed}" / "result.json").read_text())["epochs"] for seed in (0, 1)]
    assert epochs == [2, 2]


def test_epochs_are_counted_in_words() -> None:
    assert [epochs_of(number) for number in (1, 2)] == ["1 epoch", "2 epochs"]
