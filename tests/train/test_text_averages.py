"""The averages of weights that a training on text ends on, and how a network on text is measured."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from dartsl.data.text import in_rows, load_text
from dartsl.lang.checker import check, pick_network
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.supernet import from_plan
from dartsl.training import loop
from dartsl.training.evaluate import evaluate
from dartsl.training.measured import TextMeasured
from dartsl.training.regularisers import Mean
from dartsl.training.text_evaluation import measured_text
from dartsl.training.text_session import worse
from tests.search.runs import checkpoint_of, rows
from tests.train.runs import quiet, same_runs
from tests.train.stories import run, session, settings, story

__all__ = ["story"]  # a fixture


# ------------------------------------------------------------------- averaging


def test_the_mean_is_that_of_asgd() -> None:
    """Against torch.optim.ASGD at a constant rate."""
    models = [torch.nn.Linear(3, 2).double() for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    plain = torch.optim.SGD(models[0].parameters(), lr=0.02, weight_decay=0.01)
    asgd = torch.optim.ASGD(models[1].parameters(), lr=0.02, t0=0, lambd=0.0, weight_decay=0.01)
    mean = Mean(models[0])
    generator = torch.Generator().manual_seed(0)
    for _ in range(7):
        x = torch.randn(5, 3, generator=generator, dtype=torch.float64)
        for model, optimizer in ((models[0], plain), (models[1], asgd)):
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()
        mean.add()
    with mean.in_place():
        for ours, theirs in zip(models[0].parameters(), models[1].parameters(), strict=True):
            assert torch.allclose(
                ours, asgd.state[theirs]["ax"], rtol=1e-6, atol=0
            )  # torch's shares are float32
    assert torch.allclose(models[0].weight, models[1].weight, rtol=1e-6, atol=0)


def test_averaging_begins_by_the_authors_rule() -> None:
    earlier = [3.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    assert worse(earlier, 2.5, 5)
    assert not worse(earlier, 1.9, 5)
    assert not worse(earlier[:6], 2.5, 5)  # all but the last five are 3.0
    assert not worse(earlier[:5], 9.0, 5)
    assert worse([3.0], 3.1, 0)
    assert not worse([], 3.1, 0)


def test_a_training_that_stalls_ends_on_averaged_weights(story: Path) -> None:
    """The switch in a whole run; that it goes on bit for bit before and after it is tested above."""
    result = run(story, "run")  # nonmono = 0: after the first epoch that is worse than the best one
    history = rows(story.parent / "run" / "history.jsonl")
    losses = [row["validation"]["val_loss"] for row in history]
    first = [row["averaged"] for row in history].index(True)
    assert losses[first - 1] > min(losses[: first - 1])
    assert all(losses[i] < min(losses[:i]) for i in range(1, first - 1))
    state = checkpoint_of(story.parent / "run")["state"]
    spec = check(read(str(story)))
    model = from_plan(spec, plan(spec, pick_network(spec, None), {}), Build.of(settings(story)))
    text = in_rows(load_text(settings(story).data, "word").test, 1)
    model.load_state_dict(state["model"])
    raw = measured_text(model, text, 6)
    model.load_state_dict(state["model"] | state["average"])
    assert result.test == evaluate(story.parent / "run").test == measured_text(model, text, 6) != raw


def test_too_little_memory_for_averages_leaves_the_epoch_to_be_ended(
    story: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(story, "whole")

    def lacking(*_: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr("dartsl.training.text_session.Mean", lacking)
    with pytest.raises(UserError, match="too little memory"):
        run(story, "parts")
    monkeypatch.undo()
    assert loop.resume(story.parent / "parts", console=quiet()).finished
    same_runs(story.parent / "whole", story.parent / "parts")


def test_averaged_weights_are_evaluated_and_the_others_are_trained(story: Path) -> None:
    ours = session(story)
    ours.mean = Mean(ours.model)
    ours.begin_epoch()
    for window in ours.left():
        ours.take_step(window)
    raw = measured_text(ours.model, ours.test_rows, 6)
    with ours.mean.in_place():
        averaged = measured_text(ours.model, ours.test_rows, 6)
    assert ours.test() == averaged != raw
    assert measured_text(ours.model, ours.test_rows, 6) == raw


# ------------------------------------------------------------------- evaluation


def test_a_text_is_read_with_its_state_carried_and_all_of_it_counts(story: Path) -> None:
    model = session(story).model
    data = load_text(str(story.parent / "texts"), "word").test
    text = in_rows(data, 1)  # (28, 1)
    parts, whole = measured_text(model, text, 6), measured_text(model, text, 100)
    assert model.training
    assert (parts.tokens, parts.windows, whole.windows) == (27, 5, 1)
    assert parts.mean == pytest.approx(whole.mean, rel=1e-12)
    model.eval()
    with torch.no_grad():
        losses = F.cross_entropy(model(text[:-1], None).logits[:, 0], text[1:, 0], reduction="none")
    assert whole.mean == pytest.approx(float(losses.mean()), rel=1e-12)
    assert whole.perplexity == pytest.approx(math.exp(float(losses.mean())))
    assert whole.loss_range.low is None
    assert whole.perplexity_range.high is None
    windows = torch.split(losses, 6)
    squares = sum(float((part - losses.mean()).sum()) ** 2 for part in windows)
    error = math.sqrt(squares * 5 / 4) / 27
    assert parts.error == pytest.approx(error, rel=1e-9)
    low, high = parts.loss_range.low, parts.loss_range.high
    assert low is not None
    assert high is not None
    assert (high - low) / 2 == pytest.approx(1.959964 * error, rel=1e-6)
    assert parts.perplexity_range.low == pytest.approx(math.exp(low))


def test_an_interval_ends_where_losses_and_perplexities_do() -> None:
    """0.5 -+ 1.96 * 0.4: from -0.28 to 1.28."""
    sure = TextMeasured(tokens=20, mean=0.5, windows=2, error=0.4)
    assert (sure.loss_range.low, sure.perplexity_range.low) == (0.0, 1.0)
    assert sure.loss_range.high == pytest.approx(0.5 + 1.959964 * 0.4)
