"""Schedules, the moving average, the interval, and the loss of a step, against what they are by definition."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dartsl.lang.checker import check, pick_network
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.settings.values import TrainConfig
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.passing import Pass
from dartsl.nn.supernet import from_plan
from dartsl.step.batches import ImageBatch
from dartsl.step.tally import Figures
from dartsl.training.data import feed_of
from dartsl.training.evaluation import measured
from dartsl.training.intervals import wilson
from dartsl.training.measured import Measured
from dartsl.training.regularisers import Average, drop_path, learning_rate
from dartsl.training.report import seeds_report
from dartsl.training.session import ImageSession
from tests.search.runs import same


def test_rates_are_those_of_the_paper() -> None:
    config = TrainConfig(drop_path=0.2)
    for epoch in (0, 1, 300, 599):
        expected = 0.0125 * (1 + math.cos(math.pi * epoch / 600))
        assert learning_rate(config, epoch) == pytest.approx(expected)
        assert drop_path(config, epoch) == pytest.approx(0.2 * epoch / 600)
    imagenet = TrainConfig(epochs=250, lr=0.1, schedule="exponential")
    assert learning_rate(imagenet, 10) == pytest.approx(0.1 * 0.97**10)


def test_the_warmup_rises_and_the_schedule_follows() -> None:
    config = TrainConfig(epochs=25, lr=0.5, warmup=5)
    rates = [learning_rate(config, epoch) for epoch in range(25)]
    assert rates[:5] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert rates[5] == pytest.approx(0.5)
    assert rates[15] == pytest.approx(0.25)


def test_the_average_forgets_the_start_and_leaves_the_model_alone() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = Average(model, 0.9)
    with torch.no_grad():
        model.weight.fill_(1.0)
    expected = float(average.values["weight"])
    for step in range(1, 30):
        average.update(step)
        expected += (1 - min(0.9, (1 + step) / (10 + step))) * (1.0 - expected)
    with average.in_place():
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 1.0


@pytest.mark.parametrize(
    ("wrong", "count", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (276, 10_000, 0.02457, 0.03099), (10, 10, 0.7225, 1.0)],
)
def test_the_interval_is_wilsons(wrong: int, count: int, low: float, high: float) -> None:
    found = wilson(wrong, count)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)
    assert found.error == wrong / count


def test_the_right_and_the_five_likeliest_are_counted() -> None:
    """Logits fall from class 0 to class 6, so that label k is the (k + 1)-th likeliest."""
    batches = [
        ImageBatch(torch.zeros(4, 1), torch.tensor([0, 0, 3, 4])),
        ImageBatch(torch.zeros(2, 1), torch.tensor([5, 6])),
    ]
    logits = -torch.arange(7.0)
    found = measured(nn.Identity(), lambda images: logits.expand(len(images), 7), batches)
    assert found is not None
    assert (found.images, found.correct, found.correct5) == (6, 2, 4)
    assert found.top5 == wilson(2, 6)
    assert found.loss == pytest.approx(float(torch.logsumexp(logits, 0)) + (0 + 0 + 3 + 4 + 5 + 6) / 6)
    few = measured(nn.Identity(), lambda images: logits[:5].expand(len(images), 5), batches[:1])
    assert few is not None
    assert few.top5 is None
    assert measured(nn.Identity(), lambda images: images, []) is None


def test_seeds_have_a_mean_and_a_deviation() -> None:
    """The deviation is the sample's: 2, 4 and 9 % have a mean of 5 and squares of 9, 1 and 16 over 2."""
    tests = [Measured(100, 0.0, 100 - wrong, None) for wrong in (2, 4, 9)]
    assert f"mean         5.00 +- {13**0.5:.2f} % over 3 seeds" in seeds_report(tests, Path("runs/three"))


def session(**changes: Any) -> ImageSession:
    text = read("zoo/darts_v2").text.replace("image(3, 32, 32)", "image(1, 8, 8)")
    source = replace(read("zoo/darts_v2"), text=text)
    spec = check(source)
    small = plan(spec, pick_network(spec, None), {"C": 2, "n": 1})
    config = replace(
        TrainConfig(
            device="cpu", data="digits", dtype="float64", batch=32, crop=0, flip=False, weight_decay=0.0
        ),
        **changes,
    )
    return ImageSession(from_plan(spec, small, Build.of(config)), config, feed_of(small, config))


def test_the_scale_of_the_loss_goes_on() -> None:
    """float16 needs a GPU; its scale, here set by hand, is saved and restored all the same."""
    ours, other = session(), session()
    for each, scale in ((ours, 8.0), (other, 2.0)):
        each.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        each.scaler.scale(torch.ones(()))  # it makes its scale when it is used first
    other.load_state_dict(ours.state_dict())
    assert other.scaler.get_scale() == 8.0


def test_an_epoch_starts_with_its_own_drop_path_and_ends_with_empty_sums() -> None:
    ours = session(drop_path=0.3, epochs=3)
    ours.epoch = 2
    ours.begin_epoch()
    assert ours.drop_path == pytest.approx(0.2)  # 0.3 * 2 / 3
    ours.take_step(next(iter(ours.left())))
    row = ours.end_epoch().history
    assert row["drop_path"] == pytest.approx(0.2)
    assert (ours.tally.read(), ours.seconds, ours.place, ours.epoch) == (Figures(), 0.0, 0, 3)


def test_a_step_is_what_the_definition_says() -> None:
    """Both losses are smoothed, the auxiliary one weighs 0.4, and the norm of the gradient is clipped."""
    ours, other = (
        session(auxiliary=0.4, label_smoothing=0.1, clip=0.5, drop_path=0.3, epochs=3) for _ in range(2)
    )
    for each in (ours, other):
        each.epoch = 2
        each.begin_epoch()
    (batch,) = parts = next(iter(ours.left()))
    ours.take_step(parts)
    pass_ = Pass(2 * ours.steps, drop_path=ours.drop_path)
    logits, extra = other.model(batch.images, pass_=pass_).split(10, dim=1)
    smooth = torch.full((32, 10), 0.01, dtype=torch.float64).scatter(1, batch.labels[:, None], 0.91)
    loss, more = (-(smooth * F.log_softmax(x, dim=1)).sum(dim=1).mean() for x in (logits, extra))
    (loss + 0.4 * more).backward()  # type: ignore[no-untyped-call]
    norm = torch.cat([p.grad.flatten() for p in other.model.weights() if p.grad is not None]).norm()
    assert norm > 0.5
    rate = learning_rate(ours.config, 2)
    for mine, theirs in zip(ours.model.weights(), other.model.weights(), strict=True):
        assert theirs.grad is not None
        expected = theirs - rate * theirs.grad * 0.5 / (norm + 1e-6)
        assert torch.allclose(mine, expected, rtol=1e-9, atol=1e-12)
    assert ours.tally.read().mean_loss == pytest.approx(loss.item())


def test_parts_of_a_batch_give_its_gradient_where_no_batch_norm_is() -> None:
    """With running statistics, a batch norm is no function of the batch."""
    found = []
    for parts in (1, 3):
        one = session(accumulate=parts, epochs=3, clip=0.0)
        one.begin_epoch()
        batch = next(iter(one.left()))
        one.model.eval()
        one.take_step(batch)
        found.append(torch.cat([weight.detach().flatten() for weight in one.model.weights()]))
    assert torch.allclose(found[0], found[1], rtol=1e-10, atol=1e-13)


def test_all_weights_at_once_are_stepped_as_one_by_one() -> None:
    """Bit for bit: `foreach` only saves calls."""
    found = []
    for foreach in (True, False):
        one = session(weight_decay=3e-4, epochs=3)
        assert one.optimizer.param_groups[0]["foreach"]
        one.optimizer.param_groups[0]["foreach"] = foreach
        for _ in range(2):
            one.begin_epoch()
            for batch in list(zip(range(3), one.left(), strict=False)):
                one.take_step(batch[1])
            one.end_epoch()
        found.append(one.state_dict())
    for state in found:
        del state["optimizer"]["param_groups"]
    same(*found)
