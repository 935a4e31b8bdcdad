"""The training of networks of text: windows, states and averages as the authors' loop has them; resumed bit for bit."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from dartsl.data.text import Window, Windows, load_text
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.records.inputs import Images, Input, Tokens
from dartsl.lang.settings.values import TrainConfig, train_config
from dartsl.step.finite import NonFiniteError
from dartsl.training import loop
from dartsl.training.evaluate import evaluate
from dartsl.training.measured import TextMeasured
from tests.search.runs import checkpoint_of, rows, same
from tests.train.runs import job, quiet, same_runs
from tests.train.stories import run, session, settings, still, story

__all__ = ["story"]  # a fixture


# ------------------------------------------------------------------- runs


def test_a_training_leaves_everything_in_its_folder(story: Path) -> None:
    console, out = quiet(), story.parent / "run"
    result = loop.train(job(story, out.name, console), settings(story))
    assert result.finished
    assert isinstance(result.test, TextMeasured)
    assert (result.test.tokens, result.test.windows) == (27, 5)
    history = rows(out / "history.jsonl")
    assert [set(row["validation"]) for row in history] == [{"val_loss", "val_ppl"}] * 4
    for row in history:
        assert row["train_perplexity"] == pytest.approx(math.exp(row["train_loss"]))
    found = json.loads((out / "result.json").read_text())
    assert found["test"]["perplexity"]["value"] == pytest.approx(math.exp(result.test.mean))
    assert found["validation"] == history[-1]["validation"]
    assert json.loads((out / "vocabulary.json").read_text())["size"] == 9
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for words in ("ppl", "val ppl", "trained on  280 words, 4 epochs", "test        perplexity", "(95 %: "):
        assert words in text
    assert evaluate(out).test == result.test


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"memory": "low", "asgd": False, "momentum": 0.5, "ar": 0.1}])
def test_a_run_stopped_after_every_step_goes_on_bit_for_bit(
    story: Path, stop_after: Callable[[int], None], changes: dict[str, Any]
) -> None:
    run(story, "whole", **changes)
    whole = checkpoint_of(story.parent / "whole")["state"]
    stop_after(1)
    result, stops = run(story, "parts", **changes), 1
    while True:
        torch.rand(3)
        result = loop.resume(result.path, console=quiet())
        if result.finished:
            break
        stops += 1
    assert stops == whole["step"] > 30
    same_runs(story.parent / "whole", story.parent / "parts")
    if not changes:
        # The weights were averaged for a while, and not from the start.
        assert 0 < whole["averaged_steps"] < whole["step"]
        assert {row["averaged"] for row in rows(story.parent / "whole" / "history.jsonl")} == {False, True}


def test_a_step_that_fails_is_undone(story: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, other = session(story), session(story)
    for each in (ours, other):
        each.begin_epoch()
        each.take_step(next(each.left()))

        each.verify()

    with ours.model.register_forward_hook(
        lambda _model, _inputs, output: output._replace(logits=output.logits * math.nan)
    ):
        ours.take_step(next(ours.left()))  # nothing is looked at yet
        with pytest.raises(NonFiniteError):
            ours.verify()
    ours.undo()
    for each in (ours, other):
        each.take_step(next(each.left()))
    same(ours.state_dict(), other.state_dict())
    other.load_state_dict(ours.state_dict())
    assert other.seconds == ours.seconds > 0  # of the epoch so far


def test_the_test_text_decides_nothing(story: Path) -> None:
    run(story, "one")
    (story.parent / "texts" / "test.txt").write_text("mat mat mat\n" * 3)
    with pytest.raises(UserError, match="the texts of texts are not those"):
        evaluate(story.parent / "one")
    run(story, "two")
    same(*(checkpoint_of(story.parent / name)["state"] for name in ("one", "two")))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch": 100}, "too short for 100 rows"),
        ({"device": "meta"}, "nothing can be trained on"),
        ({"data": "markov"}, "the data has 8 different words, and the network's head gives 9"),
        ({"data": "digits"}, "no such text"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_a_folder_is_made(
    story: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        run(story, "run", **changes)
    assert not (story.parent / "run").exists()


# ------------------------------------------------------------------- steps


def test_an_epoch_is_the_authors_loop(story: Path) -> None:
    """Positions, carried states, rates, AR, TAR, decay and clipping of an epoch, against a plain loop."""
    still(story)
    ours = session(story, ar=0.2, tar=0.3, weight_decay=0.01, clip=0.1)
    twin = session(story).model
    data = load_text(ours.config.data, "word").train
    text = data[: len(data) // 4 * 4].view(4, -1).t()
    state: tuple[torch.Tensor, ...] | None = None
    start = 0
    ours.begin_epoch()
    for window in ours.left():
        ours.take_step(window)
        assert window.start == start
        end = min(start + window.length, len(text) - 1)
        output = twin(text[start:end], state)
        h = output.outputs
        loss = F.cross_entropy(output.logits.reshape(-1, 9), text[start + 1 : end + 1].reshape(-1))
        change = (h[1:] - h[:-1]).square().mean() if len(h) > 1 else torch.zeros(())
        (loss + 0.2 * h.square().mean() + 0.3 * change).backward()
        norm = math.sqrt(sum(float(w.grad.square().sum()) for w in twin.weights() if w.grad is not None))
        with torch.no_grad():
            for w in twin.weights():
                assert w.grad is not None
                slope = w.grad * min(1.0, 0.1 / (norm + 1e-6)) + 0.01 * w
                w.sub_(5 * window.length / 6 * slope)
                w.grad = None
        state = tuple(carry.detach() for carry in output.carries)
        start += window.length
    for mine, theirs in zip(ours.model.weights(), twin.weights(), strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-9, atol=1e-12)
    ours.end_epoch()
    ours.begin_epoch()
    assert ours.carries is None


def test_windows_are_as_long_as_the_authors_are() -> None:
    lengths = [window.length for window in Windows(2_000_000, 35, 0.05, seed=1, varied=True)]
    usual = [length for length in lengths if length > 26]
    assert 5 <= min(lengths) < 12
    assert 50 < max(lengths) <= 55
    assert len(usual) / len(lengths) == pytest.approx(0.95 * 0.945 + 0.05 * 0.03, abs=0.01)
    assert sum(lengths) / len(lengths) == pytest.approx(0.95 * 34.5 + 0.05 * 17.0, abs=0.15)
    assert {window.length for window in Windows(5000, 300, 0.0, seed=1, varied=True)} <= set(range(270, 321))
    assert min(window.length for window in Windows(5000, 1, 1.0, seed=1, varied=True)) == 5


def epoch(windows: Windows) -> list[Window]:
    """Those that are left of an epoch, after which the next one begins."""
    left = list(windows)
    windows.advance()
    return left


def test_varied_windows_go_on_where_they_were_saved() -> None:
    whole, first, second = (Windows(300, 12, 0.2, seed=3, varied=True) for _ in range(3))
    expected = [epoch(whole) for _ in range(3)]
    assert expected[0] != expected[1]
    epoch(first)
    taken = iter(first)
    assert [next(taken) for _ in range(4)] == expected[1][:4]
    second.load_state_dict(first.state_dict())
    assert epoch(second) == expected[1][4:]
    assert epoch(second) == expected[2]


# ------------------------------------------------------------------- settings


def test_settings_of_text_have_defaults_of_their_own() -> None:
    config = train_config(Tokens, {"epochs": 2})
    assert (config.epochs, config.batch, config.lr, config.clip) == (2, 64, 20.0, 0.25)
    assert (config.momentum, config.weight_decay, config.tar, config.ar) == (0.0, 8e-7, 1e-3, 0.0)
    assert (config.short_windows, config.asgd, config.nonmono) == (0.05, True, 5)
    assert train_config(Images) == TrainConfig()


@pytest.mark.parametrize(
    ("takes", "name"), [(Tokens, "crop"), (Tokens, "ema"), (Images, "tar"), (Images, "asgd")]
)
def test_a_setting_of_the_other_kind_is_refused(takes: type[Input], name: str) -> None:
    with pytest.raises(UserError, match=f"the setting `{name}` is for networks of") as caught:
        train_config(takes, {name: getattr(TrainConfig(), name)})
    assert caught.value.exit_code == 2
