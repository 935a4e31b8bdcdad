"""Floating images: read, standardised by the training part's mean and deviation, and refused where they are damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dartsl
from dartsl import data
from dartsl.data.augment import Augment, measure, normalise

RNG = np.random.default_rng(3)


def written(path: Path, **others: Any) -> Path:
    """An .npz of 24 float32 images 4x5 of 2 channels, 3 classes."""
    labels = np.arange(24) % 3
    found: dict[str, Any] = {
        "x_train": (RNG.normal(size=(24, 4, 5, 2)) * [1, 50] + [1000, -3]).astype("float32"),
        "y_train": labels,
        "x_test": RNG.normal(size=(6, 4, 5, 2)).astype("float32"),
        "y_test": labels[:6],
    }
    np.savez(path, **found | others)
    return path


def test_mean_and_deviation_are_those_of_numpy_in_float64(tmp_path: Path) -> None:
    found = data.load(str(written(tmp_path / "d.npz")), expect=(2, 4, 5, 3))
    numbers = found.train_images.numpy().astype("float64")
    mean, std = measure(found.train_images)
    np.testing.assert_allclose(mean, numbers.mean(axis=(0, 1, 2)), rtol=1e-14)
    np.testing.assert_allclose(std, numbers.std(axis=(0, 1, 2)), rtol=1e-12)
    seen = normalise(found.train_images, mean, std, torch.float64)  # (N, C, H, W)
    wanted = (numbers - numbers.mean(axis=(0, 1, 2))) / numbers.std(axis=(0, 1, 2))
    np.testing.assert_allclose(seen.numpy(), np.moveaxis(wanted, -1, 1), atol=1e-12)
    assert seen.is_contiguous()


def test_a_channel_of_one_value_is_centred_alone() -> None:
    values = torch.full((7, 3), 0.1)
    values[:, 1] = torch.arange(7)
    assert measure(values) == (
        (pytest.approx(0.1, rel=1e-7), 3.0, pytest.approx(0.1, rel=1e-7)),
        (1.0, 2.0, 1.0),
    )


def test_crop_and_flip_take_floats_as_they_are(tmp_path: Path) -> None:
    found = data.load(str(written(tmp_path / "d.npz")))
    augment = Augment.of(found, crop=1, flip=True, mean=(0,), std=(1,))
    seen = augment(found.train_images, torch.Generator().manual_seed(0))  # (N, C, H, W)
    values = set(found.train_images.flatten().tolist()) | {0.0}
    assert set(seen.flatten().tolist()) <= values


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_test": np.full((6, 4, 5, 2), np.nan, "float32")}, r"test image 0 holds nan, at 0, 0, 0"),
        ({"x_test": np.zeros((6, 4, 5, 2), "uint8")}, r"training images are float32, test images uint8"),
        ({"x_train": np.zeros((24, 4, 5, 2))}, r"float64, not uint8 or float32"),
    ],
)
def test_what_cannot_be_standardised_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = written(tmp_path / "d.npz", **change)
    with pytest.raises(dartsl.UserError, match=message):
        data.load(str(path), expect=(2, 4, 5, 3))
