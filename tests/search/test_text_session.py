"""A search on text: windows, states and rates as the authors' loop has them, saved and restored bit for bit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from dartsl.data.text import Corpus, KnownSource
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.records.inputs import Images, Input, Tokens
from dartsl.lang.settings.values import SearchConfig, search_config
from dartsl.searching.text_session import TextSession
from dartsl.step.batches import Outcome, TextBatch
from dartsl.step.finite import NonFiniteError
from dartsl.step.gradients import weight_step
from dartsl.step.tally import Figures
from tests.search.runs import same
from tests.search.text_model import TextModel

CONFIG = replace(
    search_config(Tokens),
    device="cpu",
    epochs=3,
    batch=4,
    lr=2.0,
    short_windows=0.3,
    dtype="float64",
    alphas_lr=0.05,
)


def corpus() -> Corpus:
    generator = torch.Generator().manual_seed(5)
    train, valid, test = (torch.randint(0, 8, (n,), generator=generator) for n in (221, 83, 20))
    return Corpus("noise", "word", tuple("abcdefgh"), train, valid, test, KnownSource(8.0, 7.0, 6.0))


def session(keep: float = 0.5, **changes: Any) -> TextSession:
    return TextSession(TextModel(keep=keep), replace(CONFIG, **changes), corpus())  # type: ignore[arg-type]


def steps(running: TextSession, count: int | None = None) -> None:
    """All that is left of the search, or so many steps, as the loop takes them."""
    while running.epoch < running.config.epochs:
        running.begin_epoch()
        for window in running.batches:
            running.take_step(window)
            count = None if count is None else count - 1
            if count == 0:
                return
        running.end_epoch()


def test_the_steps_are_those_of_the_authors_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions, lengths, carried states and rates of an epoch, against a plain loop."""
    running = session(keep=1.0)
    seen: list[tuple[TextBatch, TextBatch, float]] = []
    draw = running.draw

    def recorded(window: Any) -> tuple[TextBatch, TextBatch]:
        batches = draw(window)
        seen.append((*batches, running.stepper.weights.param_groups[0]["lr"]))
        return batches

    monkeypatch.setattr(running, "draw", recorded)
    data = corpus()
    train, valid = data.train[:220].view(4, 55).t(), data.valid[:80].view(4, 20).t()
    running.begin_epoch()
    state = valid_state = None
    i = 0
    for window in running.batches:
        twin = TextModel()
        twin.load_state_dict(running.model.state_dict())
        running.take_step(window)
        learnt, looked, rate = seen[-1]
        assert window.start == i
        end = min(i + window.length, 54)
        assert torch.equal(learnt.tokens, train[i:end])
        assert torch.equal(learnt.targets, train[i + 1 : end + 1])
        j = i % 19
        assert torch.equal(looked.tokens, valid[j : min(j + 10, 19)])
        assert rate == 2.0 * window.length / 10
        assert (learnt.ar, learnt.tar, looked.ar, looked.tar) == (0.0, 1e-3, 0.0, 0.0)
        for batch, carried in ((learnt, state), (looked, valid_state)):
            if carried is None:
                assert not torch.cat(batch.carries).any()
            else:
                assert batch.carries is not None
                assert torch.equal(batch.carries[0], carried)
        # The validation state is that of the old alphas, the training state that of the new ones.
        valid_state = twin(looked.tokens, looked.carries).carries[0]
        with torch.no_grad():
            twin.alphas["cell"].copy_(running.model.alpha("cell"))
        state = twin(learnt.tokens, learnt.carries).carries[0]
        i += window.length
    assert {rate for _, _, rate in seen} == {2.0, 1.0}
    assert i >= 53
    row = running.end_epoch().history
    assert set(running.sums.row().values()) == {None}
    assert running.seconds == 0.0
    assert row["lr"] == 2.0
    assert row["train_perplexity"] == pytest.approx(math.exp(row["train_loss"]))
    assert row["validation_perplexity"] == pytest.approx(math.exp(row["validation_loss"]))
    assert not [key for key in row if "accuracy" in key]
    running.begin_epoch()
    assert running.carries is running.valid_carries is None


@pytest.mark.parametrize("order", ["1", "2", "exact"])
@pytest.mark.parametrize("stop", [1, 7, 9])
def test_a_restored_session_goes_on_bit_for_bit(order: str, stop: int) -> None:
    whole, first, second = (session(order=order) for _ in range(3))
    steps(whole)
    steps(first, stop)
    saved = first.state_dict()
    steps(second, 3)  # it comes from somewhere else
    second.load_state_dict(saved)
    assert second.seconds == saved["seconds"] > 0  # of the epoch so far
    steps(second)
    same(whole.state_dict(), second.state_dict())


def test_a_step_that_fails_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    running, other = session(), session()
    steps(running, 4)
    steps(other, 4)

    def poisoned(model: Any, parts: Any, *rest: Any, **given: Any) -> Outcome:
        ((batch, pass_),) = parts  # by now the alphas are stepped
        if pass_.step == 4:
            batch = replace(batch, carries=tuple(carry * math.nan for carry in batch.carries))
        return weight_step(model, [(batch, pass_)], *rest, **given)

    with monkeypatch.context() as patch:
        patch.setattr("dartsl.searching.step.weight_step", poisoned)
        steps(running, 2)  # nothing is looked at yet
        with pytest.raises(NonFiniteError, match="training loss"):
            running.verify()
    running.undo()
    states = running.state_dict(), other.state_dict()
    for state in states:
        del state["weights_optimizer"]["param_groups"][0]["lr"]  # each step sets its own
    same(*states)
    steps(running)
    steps(other)
    same(running.state_dict(), other.state_dict())


def test_the_warmup_carries_states_and_leaves_alphas() -> None:
    running = session(warmup=1)
    before = running.model.alpha("cell").detach().clone()
    running.begin_epoch()
    running.take_step(next(iter(running.batches)))
    assert torch.equal(running.model.alpha("cell"), before)
    assert running.valid_carries is not None
    assert running.sums.row()["validation_perplexity"] is not None


def test_unrolling_knows_rate_clip_and_embedding() -> None:
    running = session()
    running.begin_epoch()
    window = next(iter(running.batches))
    running.draw(window)
    unroll = running.stepper.unroll()
    assert unroll.xi == 2.0 * window.length / 10
    assert (unroll.momentum, unroll.clip) == (0.0, 0.25)
    assert [held.shape for held in unroll.held] == [(8, 6)]


@pytest.mark.parametrize("order", ["1", "2", "exact"])
def test_what_is_reported_at_the_end(order: str) -> None:
    running = session(order=order)
    lines = running.closing({"validation_perplexity": 6.5})
    assert "6.500, the mean of the last epoch's passes: in training mode" in lines[0]
    assert ("unrolled" in lines[0]) == (order != "1")
    assert "the alphas learn from this text" in lines[1]
    assert "6.000" in lines[2]
    assert "7.000 by pairs, 8.000 by single ones" in lines[3]
    assert running.figures()["ppl"] is None
    steps(running, 1)
    assert set(running.figures()) == {"loss", "ppl", "val loss", "val ppl", "entropy", "lr"}
    assert Figures(math.inf, 0, 1).perplexity == math.exp(700)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch": 40}, "too short for 40 rows"),
        ({"device": "meta"}, "nothing can be searched on"),
        ({"warmup": 3}, "leaves none in which alphas are trained"),
    ],
)
def test_what_cannot_be_searched_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        session(**changes)


# ------------------------------------------------------------------- settings


def test_settings_of_text_have_defaults_of_their_own() -> None:
    config = search_config(Tokens, {"epochs": 2}, {"lr": 3})
    assert (config.epochs, config.lr, config.batch, config.clip) == (2, 3.0, 256, 0.25)
    assert (config.momentum, config.weight_decay, config.alphas_lr) == (0.0, 5e-7, 3e-3)
    assert config.alphas_betas == (0.9, 0.999)
    assert search_config(Images) == SearchConfig()


@pytest.mark.parametrize(
    ("takes", "values"), [(Tokens, {"crop": 4}), (Tokens, {"lr_min": 0.1}), (Images, {"tar": 1})]
)
def test_a_setting_of_the_other_kind_is_refused(takes: type[Input], values: dict[str, object]) -> None:
    with pytest.raises(UserError, match=f"the setting `{next(iter(values))}` is for networks of") as caught:
        search_config(takes, values)
    assert caught.value.exit_code == 2


def test_the_exact_order_is_near_the_finite_difference_in_a_session() -> None:
    running = session()
    steps(running, 3)
    train, validation = running.draw(running.batches._windows[3])
    two, exact = (
        replace(running.stepper, method=replace(running.method, order=order, r=1e-3))
        .gradient(train, validation, 3)
        .gradients[0]
        for order in ("2", "exact")
    )
    assert float((two - exact).norm() / exact.norm()) < 1e-4
