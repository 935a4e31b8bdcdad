"""Searches and trainings on a user's own data sets, by a loss and with metrics of their own."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset

import dartsl
from dartsl.api.exchanging import exported
from dartsl.run.folder import RunFolder
from tests.python.conftest import COMMON, SPEC
from tests.search.conftest import stop_after
from tests.search.runs import checkpoint_of, rows, same

__all__ = ["stop_after"]  # a fixture

DECIDED = SPEC.replace("sep_conv(3) | skip_connect", "sep_conv(3)")
MEAN, STD = 0.5, 0.25


class Own(Dataset[tuple[Tensor, int]]):
    """The images of `images.npz`, each changed by `change`."""

    def __init__(self, change: Callable[[Tensor], Tensor], part: slice = slice(None)) -> None:
        with np.load("images.npz") as data:
            self.images = torch.from_numpy(data["x_train"][part])[:, None]  # (N, 1, 6, 6)
            self.labels = data["y_train"][part].tolist()
        self.change = change

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return self.change(self.images[place]), self.labels[place]


def as_it_is(image: Tensor) -> Tensor:
    return image


def normalised(image: Tensor) -> Tensor:
    return (image / 255 - MEAN) / STD


def shifted(image: Tensor) -> Tensor:
    """By the generators of torch, NumPy and Python, as transforms do."""
    return normalised(image) + torch.rand(()) + np.random.rand() + random.random()


def right(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(1) == labels).double().mean()


def history(path: Path) -> list[dict[str, Any]]:
    return rows(path / "history.jsonl")


@pytest.fixture
def given(quiet: Console) -> dict[str, Any]:
    return {**COMMON, "epochs": 2, "dtype": "float64", "console": quiet}


def test_a_search_has_the_numbers_of_the_same_images_in_a_file(work: Path, given: dict[str, Any]) -> None:
    file = dartsl.search("small.darts", "file", data=Path("images.npz"), mean=(MEAN,), std=(STD,), **given)
    floating = dartsl.search("small.darts", "floating", data=Own(normalised), **given)
    raw = dartsl.search("small.darts", "raw", data=Own(as_it_is), mean=(MEAN,), std=(STD,), **given)
    halves = (Own(normalised, slice(0, 12)), Own(normalised, slice(12, None)))
    metrics = {"right": right, "one": lambda _logits, _labels: 1}
    pair = dartsl.search("small.darts", "pair", data=halves, loss=F.cross_entropy, metrics=metrics, **given)
    assert file.found == floating.found == raw.found == pair.found
    for other in (floating, pair):  # normalised in float32
        for one, two in zip(history(file.path), history(other.path), strict=True):
            assert one["train_loss"] == pytest.approx(two["train_loss"], rel=1e-5)
            assert one["validation_loss"] == pytest.approx(two["validation_loss"], rel=1e-5)
    assert history(file.path) == history(raw.path)
    for row in history(pair.path):
        assert row["metrics"] == pytest.approx({"right": row["validation_accuracy"], "one": 1})
    record = json.loads((pair.path / "run.json").read_text())
    assert record["given"] == {"data": "Own, Own", "loss": "cross_entropy", "metrics": "right, one"}
    assert record["settings"]["data"] == ""


def test_a_training_has_the_numbers_of_the_same_images_in_a_file(work: Path, given: dict[str, Any]) -> None:
    spec = dartsl.Source("decided", DECIDED)
    file = dartsl.train(spec, "file", data="images.npz", label_smoothing=0.1, validation=0.25, **given)

    def smooth(logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels, label_smoothing=0.1)

    with np.load("images.npz") as data:
        mean, std = float(data["x_train"].mean() / 255), float(data["x_train"].std() / 255)
    raw = dartsl.train(spec, "raw", data=Own(as_it_is), loss=smooth, validation=0.25, **given)
    train, valid = Own(as_it_is, slice(0, 18)), Own(as_it_is, slice(18, None))
    metrics = {"right": right}
    sets = (train, valid, Own(as_it_is, slice(0, 6)))
    three = dartsl.train(spec, "three", data=sets, mean=(mean,), std=(std,), metrics=metrics, **given)
    assert raw.test is None
    assert three.test is not None
    for one, two in zip(history(file.path), history(raw.path), strict=True):
        assert one["train_loss"] == two["train_loss"]
        assert one["validation"]["val_acc"] == two["validation"]["val_acc"]
    for row in history(three.path):
        assert row["validation"]["val_right"] == pytest.approx(row["validation"]["val_acc"])
    assert three.test.record()["metrics"] == pytest.approx({"right": 1 - three.test.top1.error})
    again = dartsl.evaluate("three", device="cpu", data=sets, metrics=metrics)
    assert again.test == three.test


@pytest.mark.parametrize("kind", ["search", "train"])
def test_it_goes_on_bit_for_bit_where_the_same_is_given_again(
    work: Path,
    given: dict[str, Any],
    kind: str,
    stop_after: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also what the data set draws at random; the user's own generators are left as they were."""
    Path("decided.darts").write_text(DECIDED)
    spec = "small.darts" if kind == "search" else "decided.darts"
    start: Any = dartsl.search if kind == "search" else dartsl.train
    before = torch.get_rng_state()
    never = float("nan")
    metrics = {"right": right, "never": lambda _logits, _labels: never}
    own: dict[str, Any] = {"data": Own(shifted), "metrics": metrics}
    whole = start(spec, "whole", **own, **given)
    assert torch.equal(torch.get_rng_state(), before)
    stop_after(3)
    with pytest.raises(KeyboardInterrupt):
        start(spec, "parts", **own, **given)
    monkeypatch.undo()
    monkeypatch.chdir(work)
    monkeypatch.setattr("dartsl.searching.loop.render", lambda _dot, _kind: b"<svg/>")
    quiet = given["console"]
    with pytest.raises(dartsl.UserError, match="started with data given from Python, `Own`") as caught:
        dartsl.resume("parts", console=quiet)
    assert "dartsl.resume(run, data=...)" in str(caught.value.help)
    with pytest.raises(dartsl.UserError, match="not those that the run was started with"):
        dartsl.resume("parts", **{**own, "data": Own(shifted, slice(0, 20))}, console=quiet)
    with pytest.raises(dartsl.UserError, match="the loss given are `cross_entropy`"):
        dartsl.resume("parts", **own, loss=F.cross_entropy, console=quiet)
    assert dartsl.resume("parts", **own, console=quiet).finished  # type: ignore[union-attr]
    same(checkpoint_of(whole.path), checkpoint_of(Path("parts")))
    assert len({row["train_loss"] for row in history(Path("parts"))}) == 2


def test_what_others_prepared_is_not_prepared_again(work: Path, given: dict[str, Any]) -> None:
    run = dartsl.train(dartsl.Source("decided", DECIDED), "run", data=Own(normalised), **given)
    inputs: Any = RunFolder.open(run.path).info.inputs
    assert inputs.prepared
    images = torch.zeros(2, 6, 6, dtype=torch.uint8)
    with pytest.raises(dartsl.UserError, match="code of its user prepared"):
        dartsl.predict(run.path, images)
    assert dartsl.trained(run.path, device="cpu").model(normalised(images[:, None]).double()).shape == (2, 3)
    assert "normalised inside" not in str(exported(run.path, "torch").takes)
    with pytest.raises(dartsl.UserError, match="no mean and deviation are known"):
        dartsl.export(run.path, "torch", uint8=True)


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(())


def later(dtype: torch.dtype) -> list[tuple[Tensor, int]]:
    """uint8 images, but for the second one."""
    return [(torch.zeros(1, 6, 6, dtype=dtype if place == 1 else torch.uint8), 0) for place in range(24)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (lambda: DataLoader(Own(normalised)), "are a DataLoader"),
        (lambda: Stream(), "a Stream, and not a map-style data set"),
        (lambda: Own(normalised, slice(0, 0)), "hold no image"),
        (lambda: Own(lambda image: image[:, 1:]), r"training image 0 is uint8 \(1, 5, 6\)"),
        (lambda: Own(lambda image: image.numpy()), "image 0 is a ndarray, not a tensor"),
        (lambda: (Own(normalised), Own(as_it_is)), r"validation image \d+ is uint8"),
        (lambda: (Own(normalised),) * 4, "one data set, or two or three"),
        (lambda: [1, 2, 3], r"item 0 of the training data is not \(image, label\)"),
        (lambda: [(torch.zeros(1, 6, 6), 0.7)] * 24, r"item 0 of the training data is not \(image, label\)"),
        (lambda: [(torch.zeros(1, 6, 6), "2")] * 24, r"item 0 of the training data is not \(image, label\)"),
        (lambda: later(torch.int8), r"training image 1 is int8 .*"),
        (lambda: [(torch.zeros(1, 6, 6), 3)] * 24, "label of training image .* is 3, and the network has 3"),
    ],
)
def test_what_cannot_be_data(work: Path, given: dict[str, Any], data: Callable[[], Any], words: str) -> None:
    with pytest.raises(dartsl.UserError, match=words):
        dartsl.search("small.darts", "run", data=data(), **given)
    assert not Path("run").exists() or words.startswith("validation")


def test_what_else_is_refused(work: Path, given: dict[str, Any]) -> None:
    spec = dartsl.Source("decided", DECIDED)
    with pytest.raises(dartsl.UserError, match="another loss is given"):
        dartsl.train(spec, "run", data=Own(normalised), loss=F.cross_entropy, label_smoothing=0.1, **given)
    with pytest.raises(dartsl.UserError, match="cannot be called `loss`"):
        dartsl.train(spec, "run", data=Own(normalised), metrics={"loss": F.cross_entropy}, **given)
    with pytest.raises(dartsl.UserError, match="are for networks of images"):
        dartsl.search("text", "run", loss=F.cross_entropy, device="cpu", console=given["console"])
    assert not Path("run").exists()


def vector(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits, labels, reduction="none")


@pytest.mark.parametrize("kind", ["search", "train"])
@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"loss": vector}, r"the loss gives a float64 tensor \(\d+,\), and not the mean over a batch"),
        ({"loss": lambda *both: F.cross_entropy(*both).reshape(1)}, r"a float64 tensor \(1,\), and not"),
        ({"loss": lambda *both: F.cross_entropy(*both).item()}, "the loss gives a value of the type float"),
        ({"loss": lambda *both: F.cross_entropy(*both).detach()}, "no gradient leads from the loss"),
        ({"loss": lambda *both: None}, "the loss gives nothing"),
        ({"loss": 3}, "the loss is not a function of logits and labels"),
        (
            {"metrics": {"mine": vector}},
            r"the metric `mine` gives a float64 tensor \(\d+,\), and not one number",
        ),
        ({"metrics": {"mine": lambda *both: None}}, "the metric `mine` gives nothing"),
        ({"metrics": {"mine": lambda *both: "a"}}, "the metric `mine` gives a value of the type str"),
        ({"metrics": {"mine": 1}}, "the metric `mine` is not a function"),
    ],
)
def test_a_loss_or_a_metric_that_is_not_one_number(
    work: Path, given: dict[str, Any], kind: str, own: dict[str, Any], words: str
) -> None:
    start: Any = dartsl.search if kind == "search" else dartsl.train
    spec = "small.darts" if kind == "search" else dartsl.Source("decided", DECIDED)
    with pytest.raises(dartsl.UserError, match=words):
        start(spec, "run", data="images.npz", **own, **given)


def test_a_metric_may_give_any_form_of_a_number_and_changes_nothing(
    work: Path, given: dict[str, Any]
) -> None:
    """Also one that writes into the logits it is given."""
    forms = {
        "tensor": lambda *_: torch.tensor([2]),
        "numpy": lambda *_: np.float32(2),
        "bool": lambda *_: True,
    }
    run = dartsl.search("small.darts", "run", data="images.npz", metrics=forms, **given)
    assert history(run.path)[0]["metrics"] == {"tensor": 2, "numpy": 2, "bool": 1}
    spec = dartsl.Source("decided", DECIDED)
    settings: dict[str, Any] = {"data": "images.npz", "validation": 0.5, **given}
    plain = dartsl.train(spec, "plain", **settings)
    zero = {"zero": lambda logits, _labels: logits.zero_().sum()}
    writing = dartsl.train(spec, "writing", metrics=zero, **settings)
    for one, two in zip(history(plain.path), history(writing.path), strict=True):
        assert one["validation"]["val_acc"] == two["validation"]["val_acc"]


@pytest.mark.parametrize("order", ["2", "exact"])
def test_metrics_of_a_search_in_every_order(work: Path, given: dict[str, Any], order: Any) -> None:
    run = dartsl.search(
        "small.darts", "run", data=Own(normalised), metrics={"right": right}, order=order, **given
    )
    for row in history(run.path):
        assert row["metrics"]["right"] == pytest.approx(row["validation_accuracy"])
    assert dartsl.plot(run.path).exists()
