"""`--class-weights balanced`: rare classes weigh more in the loss that is minimised, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dartsl.lang.checker import check, pick_network
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.records.inputs import Tokens
from dartsl.lang.settings.values import train_config
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.supernet import from_plan
from dartsl.step.batches import ImageBatch
from dartsl.training.class_weights import balanced_weights
from dartsl.training.data import feed_of
from dartsl.training.session import ImageSession
from tests.train.runs import run, settings

COUNTS = (9, 1, 2, 3, 4, 5, 4)  # images of each class, of which the last 5 are set apart


@pytest.fixture
def uneven(tiny: Path) -> Path:
    """The tiny spec, its data made uneven."""
    draws = np.random.default_rng(3)
    labels = draws.permutation(np.repeat(np.arange(7), COUNTS))
    while len(set(labels[:23].tolist())) < 7:
        labels = draws.permutation(labels)
    images = draws.integers(0, 256, (28, 8, 8), dtype=np.uint8)
    path = tiny.parent / "images.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images[:9], y_test=labels[:9])
    return tiny


def session(spec: Path, **changes: Any) -> ImageSession:
    config = settings(spec, dtype="float64", flip=False, crop=0, weight_decay=0.0, clip=0.0, **changes)
    checked = check(read(str(spec)))
    planned = plan(checked, pick_network(checked, None), {})
    model = from_plan(checked, planned, Build.of(config))
    return ImageSession(model, config, feed_of(planned, config))


def gradients(spec: Path, **changes: Any) -> tuple[ImageSession, ImageBatch, Tensor]:
    """What a step of 23 images moved the weights by, over the learning rate."""
    one = session(spec, batch=23, **changes)
    one.begin_epoch()
    before = [weight.detach().clone() for weight in one.model.weights()]
    batch = next(iter(one.left()))
    one.model.eval()  # with running statistics a batch norm is no function of the batch
    one.take_step(batch)
    rate = one.optimizer.param_groups[0]["lr"]
    moved = [(old - new.detach()) / rate for old, new in zip(before, one.model.weights(), strict=True)]
    return one, batch[0], torch.cat([each.flatten() for each in moved])


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    found = balanced_weights(labels, ("a", "b", "c"))
    assert found.tolist() == pytest.approx([10 / 18, 10 / 9, 10 / 3], rel=1e-15)


def test_a_class_without_images_is_named() -> None:
    with pytest.raises(UserError, match="class `dog` has no image to train on"):
        balanced_weights(torch.tensor([0, 2, 2]), ("cat", "dog", "emu"))


def test_a_step_minimises_the_weighted_loss(uneven: Path) -> None:
    """Both heads, smoothed: torch's cross entropy with the weights of the images that train."""
    changes: dict[str, Any] = {"label_smoothing": 0.1, "auxiliary": 0.4, "drop_path": 0.0}
    ours, batch, moved = gradients(uneven, class_weights="balanced", **changes)
    other = session(uneven, batch=23, **changes)
    other.model.eval()
    counts = torch.bincount(batch.labels, minlength=7)
    assert counts.sum() == 23
    weights = 23 / (7 * counts.double())
    logits, extra = other.model(batch.images).split(7, dim=1)
    loss, more = (
        F.cross_entropy(each, batch.labels, weights, label_smoothing=0.1) for each in (logits, extra)
    )
    (loss + 0.4 * more).backward()  # type: ignore[no-untyped-call]
    expected = torch.cat(
        [(torch.zeros_like(w) if w.grad is None else w.grad).flatten() for w in other.model.weights()]
    )
    assert torch.allclose(moved, expected, rtol=1e-9, atol=1e-12)
    assert ours.tally.read().mean_loss == pytest.approx(loss.item(), rel=1e-12)
    plain = F.cross_entropy(logits, batch.labels, label_smoothing=0.1).item()
    assert abs(plain - loss.item()) > 1e-3


def test_parts_of_a_batch_give_its_gradient(uneven: Path) -> None:
    found = [
        gradients(uneven, class_weights="balanced", label_smoothing=0.1, accumulate=parts) for parts in (1, 3)
    ]
    assert torch.allclose(found[0][2], found[1][2], rtol=1e-9, atol=1e-12)
    assert found[0][0].tally.read().mean_loss == pytest.approx(found[1][0].tally.read().mean_loss, rel=1e-12)


def test_what_is_measured_is_not_weighted(uneven: Path) -> None:
    plain, weighted = session(uneven), session(uneven, class_weights="balanced")
    assert plain.measure(plain.feed.validation()) == weighted.measure(weighted.feed.validation())


def test_it_is_recorded(uneven: Path) -> None:
    out = run(uneven, "run", class_weights="balanced", epochs=1).path
    assert json.loads((out / "run.json").read_text())["settings"]["class_weights"] == "balanced"
    arrays = dict(np.load(uneven.parent / "images.npz"))
    np.savez(
        uneven.parent / "images.npz",
        **{**arrays, "y_train": np.where(arrays["y_train"] == 1, 2, arrays["y_train"])},
    )
    with pytest.raises(UserError, match="class `1` has no image to train on"):
        run(uneven, "again", class_weights="balanced")
    assert not (uneven.parent / "again").exists()


def test_text_has_no_classes_to_balance() -> None:
    with pytest.raises(UserError, match="`class_weights` is for networks of images"):
        train_config(Tokens, {"class_weights": "balanced"})
