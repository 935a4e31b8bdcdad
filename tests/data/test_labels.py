"""Labels that are not what they should be: each is refused, or noted, with what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dartsl import data
from tests.data.files import npz_arrays, refused, write_idx, write_mnist


def npz(tmp_path: Path, **changes: object) -> Path:
    np.savez(tmp_path / "d.npz", **(npz_arrays() | changes))
    return tmp_path / "d.npz"


@pytest.mark.parametrize("low", [1, 5])
def test_labels_from_one(tmp_path: Path, low: int) -> None:
    path = npz(tmp_path, y_train=np.arange(10) % 4 + low, y_test=np.arange(4) + low)
    error = refused(path, f"labels run from {low} to {low + 3}: subtract {low}", expect=(3, 6, 5, 4))
    assert f"y - {low}" in str(error.help)
    refused(path, f"labels run from {low} to {low + 3}: subtract {low}", expect=(3, 6, 5, 5))


def test_idx_labels_from_one_as_emnist_letters(tmp_path: Path) -> None:
    arrays = write_mnist(tmp_path / "d")
    for name in ("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"):
        write_idx(tmp_path / "d" / name, arrays[name] + 1)
    refused(tmp_path / "d", "labels run from 1 to 3: subtract 1", expect=(1, 6, 5, 3))


def test_cifar_labels_from_one(tmp_path: Path) -> None:
    for name in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"):
        records = np.zeros((10, 3073), np.uint8)
        records[:, 0] = np.arange(10) + 1
        (tmp_path / name).write_bytes(records.tobytes())
    refused(tmp_path, "labels run from 1 to 10: subtract 1")


@pytest.mark.parametrize(
    ("labels", "words", "help_"),
    [
        (np.eye(10)[np.arange(10) % 4], "they are one-hot", "argmax"),
        (np.eye(10, dtype=bool), "they are one-hot", "argmax"),
        (np.ones((10, 3), np.int64), r"labels have shape \(10, 3\)", "one class number for each image"),
        (np.arange(10)[None] % 4, r"labels have shape \(1, 10\)", "one class number for each image"),
        (np.float32(np.arange(10) % 4), "float32, not whole numbers", "astype('int64')"),
        (np.arange(10) / 4, "float64, not whole numbers", "its class's number"),
        (np.arange(10) % 2 == 0, "bool, not whole numbers", "astype('int64')"),
        (np.array(["cat", "dog"] * 5), "<U3, not whole numbers", "return_inverse"),
        (np.arange(9) % 4, "10 training images, but 9 labels", "one label"),
        (np.int64(3), r"labels have shape \(\)", "one class number for each image"),
    ],
)
def test_labels_of_other_kinds(tmp_path: Path, labels: np.ndarray, words: str, help_: str) -> None:
    assert help_ in str(refused(npz(tmp_path, y_train=labels), words).help)


def test_one_class_is_refused(tmp_path: Path) -> None:
    path = npz(tmp_path, y_train=np.zeros(10, int), y_test=np.zeros(4, int))
    assert "two classes" in str(refused(path, "one class, all labels are 0").help)


def test_gaps_are_noted_and_explain_a_misfit(tmp_path: Path) -> None:
    path = npz(tmp_path, y_train=np.array([0, 2, 5] * 3 + [0]), y_test=np.array([0, 2, 5, 5]))
    (note,) = data.load(str(path), expect=(3, 6, 5, 6)).notes
    assert "no training image has label 1 and 2 more labels, of labels from 0 to 5" in note
    error = refused(path, "6 classes, and the network's head gives 3", expect=(3, 6, 5, 3))
    assert "number them from 0 without gaps" in str(error.help)
    assert "linear(6)" in str(refused(path, "6 classes", expect=(3, 6, 5, 4)).help)
    path = npz(tmp_path, y_train=np.array([1, 2] * 5), y_test=np.array([0, 1, 2, 2]))
    assert "no training image has label 0, of" in data.load(str(path)).notes[0]
