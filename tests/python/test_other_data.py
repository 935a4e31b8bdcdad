"""A trained run that is measured on other data than its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torch.utils.data import TensorDataset

import dartsl
from tests.python.conftest import COMMON, SPEC, write_images

DECIDED = dartsl.Source("small", SPEC.replace("sep_conv(3) | skip_connect", "sep_conv(3)"))
QUIET: Any = {**COMMON, "console": Console(quiet=True)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dartsl.Run]:
    """A training on `own.npz`, with averaged weights and an auxiliary head; `two.npz` has two classes."""
    place, before = tmp_path_factory.mktemp("runs"), Path.cwd()
    os.chdir(place)
    write_images("own.npz")
    write_images("other.npz", seed=5)
    write_images("two.npz", classes=2)
    yield dartsl.train(DECIDED, "run", data="own.npz", ema=0.5, auxiliary=0.4, drop_path=0.2, **QUIET)
    os.chdir(before)


def by_hand(run: dartsl.Run, images: np.ndarray[Any, Any]) -> torch.Tensor:
    """The logits of uint8 images (N, H, W), normalised as the run's own: (N, classes)."""
    own = dict(np.load("own.npz"))["x_train"]
    trained = own[: len(own) - len(own) // 10] / 255
    pixels = torch.tensor((images / 255 - trained.mean()) / trained.std(), dtype=torch.float32)
    with torch.no_grad():
        logits: torch.Tensor = run.model(device="cpu")(pixels[:, None])
    return logits


def test_other_images_are_normalised_as_the_runs_own(run: dartsl.Run) -> None:
    found = dartsl.evaluate(run, data="other.npz", device="cpu")
    other = dict(np.load("other.npz"))
    logits, labels = by_hand(run, other["x_test"]), torch.tensor(other["y_test"])
    assert found.test.loss == pytest.approx(
        float(torch.nn.functional.cross_entropy(logits, labels)), rel=1e-4
    )  # type: ignore[union-attr]
    assert found.test.correct == int((logits.argmax(1) == labels).sum())  # type: ignore[union-attr]
    assert (found.data, found.record()["data"]) == ("other.npz", "other.npz")
    assert found.other is not None
    assert "normalised as the run's own images (mean 0." in found.other


def test_its_own_data_by_name_give_its_own_figures(run: dartsl.Run) -> None:
    own, named = dartsl.evaluate(run, device="cpu"), dartsl.evaluate(run, data=Path("own.npz"), device="cpu")
    assert (own.other, own.data) == (None, named.data)
    assert named.test.loss == pytest.approx(own.test.loss, rel=1e-6)  # type: ignore[union-attr]
    assert named.test.correct == own.test.correct  # type: ignore[union-attr]


def test_a_data_set_from_python_is_measured(run: dartsl.Run) -> None:
    other = dict(np.load("other.npz"))
    images = torch.from_numpy(other["x_test"])[:, None]
    data = TensorDataset(images, torch.from_numpy(other["y_test"]))
    named = dartsl.evaluate(run, data="other.npz", device="cpu")
    for given in (data, (data, data, data)):
        found = dartsl.evaluate(
            run, data=given, device="cpu", metrics={"sure": lambda logits, labels: logits.max()}
        )
        assert found.test.loss == named.test.loss  # type: ignore[union-attr]
        assert list(found.test.metrics) == ["sure"]  # type: ignore[union-attr]
    floating = TensorDataset(images.float(), data.tensors[1])
    with pytest.raises(dartsl.UserError, match="the images given are floating, and those that run was"):
        dartsl.evaluate(run, data=floating)
    with pytest.raises(dartsl.UserError, match="none is for testing"):
        dartsl.evaluate(run, data=(data, data))
    with pytest.raises(dartsl.UserError, match=r"test image 0 is uint8 \(1, 6, 5\)"):
        dartsl.evaluate(run, data=TensorDataset(images[..., :5], data.tensors[1]))


def test_a_run_on_prepared_images_takes_prepared_ones(run: dartsl.Run) -> None:
    images, labels = torch.rand(12, 1, 6, 6), torch.arange(12) % 3
    data = TensorDataset(images, labels)
    prepared = dartsl.train(DECIDED, "prepared", data=(data, data), validation=0.1, **QUIET)
    found = dartsl.evaluate(prepared, data=data, device="cpu")
    with torch.no_grad():
        logits = prepared.model(device="cpu")(images)
    assert found.test.loss == pytest.approx(
        float(torch.nn.functional.cross_entropy(logits, labels)), rel=1e-5
    )  # type: ignore[union-attr]
    with pytest.raises(dartsl.UserError, match="were prepared by code of its user"):
        dartsl.evaluate(prepared, data="own.npz")


def test_what_does_not_fit_is_refused(run: dartsl.Run) -> None:
    with pytest.raises(dartsl.UserError, match="the data has 2 classes, and the network's head gives 3"):
        dartsl.evaluate(run, data="two.npz")
    with pytest.raises(dartsl.UserError, match="images have 1 channels and size 8x8"):
        dartsl.evaluate(run, data="digits")
    with pytest.raises(dartsl.UserError, match="no such data set, file or folder"):
        dartsl.evaluate(run, data="nowhere.npz")


def test_classes_with_names_must_be_the_same_ones(run: dartsl.Run) -> None:
    for folder, names in (
        ("cats", ("cat", "dog", "owl")),
        ("more", ("cat", "dog", "owl")),
        ("bees", ("bee", "cat", "dog")),
    ):
        draws = np.random.default_rng(len(folder))
        for part, count in (("train", 4), ("test", 2)):
            for name in names:
                (Path(folder) / part / name).mkdir(parents=True)
                for number in range(count):
                    pixels = draws.integers(0, 256, (6, 6), dtype=np.uint8)
                    Image.fromarray(pixels).save(Path(folder) / part / name / f"{number}.png")
    named = dartsl.train(DECIDED, "named", data="cats", validation=0.0, **QUIET)
    assert dartsl.evaluate(named, data="more", device="cpu").test.images == 6  # type: ignore[union-attr]
    assert dartsl.evaluate(named, data="own.npz", device="cpu").test.images == 6  # type: ignore[union-attr]
    with pytest.raises(
        dartsl.UserError, match="bees has other classes than named was trained on: `bee`, not `cat`"
    ):
        dartsl.evaluate(named, data="bees")


def test_a_text_is_read_by_the_runs_vocabulary(run: dartsl.Run) -> None:
    Path("own.txt").write_text("a b c a b c a c b\n" * 40 + "a b <unk>\n")
    Path("other.txt").write_text("b a c\na a z b\n" * 9)
    settings: Any = {"epochs": 1, "batch": 4, "bptt": 8, "device": "cpu", "console": Console(quiet=True)}
    text = dartsl.train(
        "zoo/rnn_v2", "text", parameters={"H": 4, "vocab": 5, "dropout": 0}, data="own.txt", **settings
    )
    found = dartsl.evaluate(text, data="other.txt", device="cpu")
    words = [*["b", "a", "c", "<eos>", "a", "a", "<unk>", "b", "<eos>"] * 9]
    assert found.test.tokens == len(words) - 1  # type: ignore[union-attr]
    assert found.other == "by the run's own vocabulary, of 81 words 9 read as <unk>"
    known = json.loads(Path("text/vocabulary.json").read_text())["vocabulary"]
    tokens = torch.tensor([known.index(word) for word in words])[:, None]
    with torch.no_grad():
        logits = text.model(device="cpu")(tokens[:-1]).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[1:].flatten())
    assert found.test.mean == pytest.approx(float(loss), rel=1e-5)  # type: ignore[union-attr]
