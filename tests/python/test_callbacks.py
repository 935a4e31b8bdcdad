"""Who listens to a run: callbacks that look, stop and fail; Ctrl-C; silence; what is logged."""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import dartsl
from dartsl.run.interrupt import Interrupted
from dartsl.step.verified import Verified
from tests.python.conftest import COMMON
from tests.search.runs import checkpoint_of, rows, same

SETTINGS: dict[str, Any] = {**COMMON, "batch": 5, "epochs": 2}
STEPS = {"search": 3, "train": 5}  # of an epoch: 12 and 22 images in batches of 5


def start(kind: str, out: str, **more: Any) -> Any:
    """A run of two epochs; that of a training is of what the search in `found` has found."""
    given: dict[str, Any] = {"quiet": True, **SETTINGS, **more}
    if kind == "search":
        return dartsl.search("small.darts", out, data="images.npz", **given)
    if not Path("found").exists():
        dartsl.search("small.darts", "found", data="images.npz", quiet=True, **COMMON)
    return dartsl.train("found", out, **given)


def same_runs(one: str, other: str) -> None:
    same(checkpoint_of(Path(one)), checkpoint_of(Path(other)))
    assert rows(Path(one, "history.jsonl")) == rows(Path(other, "history.jsonl"))


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("kind", STEPS)
def test_each_step_and_each_epoch_is_reported(kind: str) -> None:
    steps: list[tuple[int, int]] = []
    losses: list[float | None] = []
    epochs: list[dartsl.Epoch] = []

    def on_step(step: dartsl.Step) -> None:
        assert (step.run, step.steps) == (Path("run"), STEPS[kind])
        steps.append((step.epoch, step.step))
        losses.append(step.figures["loss"])
        assert step.figures is step.figures

    run = start(kind, "run", on_step=on_step, on_epoch=epochs.append)
    assert run.finished
    assert steps == [(epoch, step) for epoch in (1, 2) for step in range(1, STEPS[kind] + 1)]
    assert [(each.run, each.epoch, each.epochs) for each in epochs] == [
        (Path("run"), 1, 2),
        (Path("run"), 2, 2),
    ]
    history = rows(Path("run/history.jsonl"))
    assert [{k: v for k, v in each.figures.items() if k != "seconds"} for each in epochs] == history
    assert losses[STEPS[kind] - 1] == pytest.approx(history[0]["train_loss"])
    start(kind, "plain")
    same_runs("run", "plain")


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("at", [(1, 2), (2, 3), "epoch"])
def test_a_run_that_a_callback_stops_goes_on_bit_for_bit(kind: str, at: tuple[int, int] | str) -> None:
    start(kind, "whole")
    run = start(
        kind,
        "run",
        on_step=lambda step: (step.epoch, step.step) == at,
        on_epoch=lambda epoch: at == "epoch",
    )
    assert not run.finished
    assert len(rows(Path("run/history.jsonl"))) == (0 if at == (1, 2) else 1)
    assert dartsl.resume("run", quiet=True).finished  # type: ignore[union-attr]
    same_runs("run", "whole")


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("which", ["on_step", "on_epoch"])
@pytest.mark.parametrize("error", [RuntimeError("mine"), SystemExit(3), dartsl.UserError("mine", "help")])
def test_what_a_callback_raises_is_raised_when_the_run_is_saved(
    kind: str, which: str, error: BaseException
) -> None:
    def fail(event: dartsl.Step | dartsl.Epoch) -> None:
        if event.epoch == 1:
            raise error

    with pytest.raises(type(error)) as caught:
        start(kind, "run", **{which: fail})
    assert caught.value is error
    again = dartsl.resume("run", quiet=True, on_epoch=lambda epoch: None)
    assert again.finished  # type: ignore[union-attr]
    start(kind, "whole")
    same_runs("run", "whole")


@pytest.mark.usefixtures("work")
def test_only_true_stops_and_the_last_epoch_needs_no_stop() -> None:
    run = start("search", "run", on_step=lambda step: 1, on_epoch=lambda epoch: epoch.epoch == 2)
    assert run.finished
    assert run.found


@pytest.mark.usefixtures("work")
def test_figures_are_read_only_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, where a display takes those of the last sound state."""
    reads: list[int] = []
    monkeypatch.setattr(Verified, "figures", lambda self: {})
    from dartsl.searching.session import SearchSession

    before = SearchSession.read
    monkeypatch.setattr(SearchSession, "read", lambda self: (reads.append(1), before(self))[1])
    start("search", "silent", epochs=1, on_step=lambda step: None)
    silent = len(reads)
    start("search", "asking", epochs=1, on_step=lambda step: step.figures and None)
    assert len(reads) == 2 * silent + STEPS["search"]


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("kind", STEPS)
def test_ctrl_c_ends_a_loop_of_runs_and_each_goes_on(kind: str) -> None:
    started: list[int] = []

    def study() -> None:
        for seed in range(3):
            started.append(seed)
            start(kind, f"run{seed}", seed=seed, on_step=lambda step: signal.raise_signal(signal.SIGINT))

    with pytest.raises(KeyboardInterrupt) as caught:
        study()
    assert started == [0]
    assert isinstance(caught.value, Interrupted)
    assert str(caught.value) == "the run is saved; if it is not finished, `dartsl.resume` goes on with it"
    assert not caught.value.result.finished
    assert dartsl.resume("run0", quiet=True).finished  # type: ignore[union-attr]
    start(kind, "whole", seed=0)
    same_runs("run0", "whole")


@pytest.mark.usefixtures("work")
def test_ctrl_c_ends_trainings_of_several_seeds_and_their_resumption() -> None:
    start("train", "one")

    def interrupt(_step: dartsl.Step) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        dartsl.train_seeds("found", 2, "seeds", quiet=True, on_step=interrupt, **SETTINGS)
    with pytest.raises(Interrupted) as caught:
        dartsl.resume("seeds", quiet=True, on_epoch=lambda epoch: signal.raise_signal(signal.SIGINT))
    assert [each.finished for each in caught.value.result] == [False]
    results = dartsl.resume("seeds", quiet=True)
    assert [each.finished for each in results] == [True, True]  # type: ignore[union-attr]


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("kind", STEPS)
def test_ctrl_c_after_the_last_step_ends_a_loop_over_runs_too(kind: str) -> None:
    with pytest.raises(Interrupted) as caught:
        start(
            kind,
            "run",
            on_epoch=lambda epoch: signal.raise_signal(signal.SIGINT) if epoch.epoch == 2 else None,
        )
    assert caught.value.result.finished


@pytest.mark.usefixtures("work")
def test_ctrl_c_after_the_last_step_of_a_seed_leaves_the_next_ones() -> None:
    start("train", "one")

    def interrupt(_epoch: dartsl.Epoch) -> None:
        signal.raise_signal(signal.SIGINT)

    settings = {**SETTINGS, "epochs": 1}
    with pytest.raises(Interrupted) as caught:
        dartsl.train_seeds("found", 2, "seeds", quiet=True, on_epoch=interrupt, **settings)
    assert [each.finished for each in caught.value.result] == [True]
    results = dartsl.resume("seeds", quiet=True)
    assert [each.finished for each in results] == [True, True]  # type: ignore[union-attr]


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("answer", "stops"),
    [(np.float64(0.9) > 0.5, True), (torch.tensor(0.9) > 0.5, True), (np.bool_(False), False), (1, False)],
)
def test_true_of_numpy_and_torch_stops_a_run_and_other_values_do_not(answer: object, stops: bool) -> None:
    assert start("search", "run", on_epoch=lambda epoch: answer).finished is not stops


@pytest.mark.usefixtures("work")
def test_quiet_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    start("search", "run", workers=3)
    start("train", "trained")
    with pytest.raises(KeyboardInterrupt):
        start("search", "stopped", on_step=lambda step: signal.raise_signal(signal.SIGINT))
    dartsl.resume("stopped", quiet=True)
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("work")
def test_what_is_not_progress_is_logged(quiet: Console, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dartsl")
    start("search", "run", epochs=1, workers=3)
    assert caplog.record_tuples == [
        (
            "dartsl",
            logging.WARNING,
            "note: the setting `workers` does nothing here: worker processes read a folder of images as they are "
            "needed, and these images are held in memory",
        )
    ]
    caplog.clear()
    dartsl.resume("run", epochs=2, console=quiet)
    line = "2 epochs in place of 1: from epoch 2 on, schedules are those of 2 epochs"
    assert caplog.record_tuples == [("dartsl", logging.INFO, line)]
    assert line in quiet.file.getvalue()  # type: ignore[attr-defined]
    caplog.clear()
    spec = Path("small.darts").read_text().replace("node   p : sum", "node   p, q : sum")
    source = dartsl.Source(
        "small.darts", spec.replace("  output", "  edge   a -> q : skip_connect\n  output")
    )
    assert dartsl.search(source, "warned", data="images.npz", quiet=True, **COMMON).finished
    assert [(name, level) for name, level, _ in caplog.record_tuples] == [("dartsl", logging.WARNING)]
    assert caplog.messages[0].startswith("warning[W")
