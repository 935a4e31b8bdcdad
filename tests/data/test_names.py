"""The names of classes: from folders, CIFAR's own files and .npz arrays; numbers where there are none."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from dartsl import data

from .files import (
    cifar_part,
    flat_planes,
    npz_arrays,
    refused,
    write_cifar10_python,
    write_images,
    write_mnist,
)

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
NUMBERS = tuple("0123456789")


def test_digits_are_called_by_what_they_are() -> None:
    assert data.load("digits").class_names == NUMBERS


@pytest.mark.parametrize("as_bytes", [False, True])
def test_cifar10_python(tmp_path: Path, as_bytes: bool) -> None:
    """Python 2 has written the published files: their strings are bytes."""
    write_cifar10_python(tmp_path / "c")
    assert data.load(str(tmp_path)).class_names == NUMBERS
    meta = {"num_cases_per_batch": 10000, "label_names": NAMES, "num_vis": 3072}
    if as_bytes:
        meta = {b"label_names": [name.encode() for name in NAMES]}
    (tmp_path / "c" / "batches.meta").write_bytes(pickle.dumps(meta))
    assert data.load(str(tmp_path)).class_names == tuple(NAMES)


@pytest.mark.parametrize("names", [NAMES[:9], [*NAMES[:9], 7], "cat"])
def test_a_cifar_whose_names_do_not_fit_is_refused(tmp_path: Path, names: object) -> None:
    write_cifar10_python(tmp_path / "c")
    (tmp_path / "c" / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))
    refused(tmp_path / "c", "names of classes, not 10" if names == "cat" else "holds .* names of classes")


def test_cifar100_python_has_its_fine_names(tmp_path: Path) -> None:
    for name in ("train", "test"):
        images, labels = cifar_part(5, 100)
        (tmp_path / name).write_bytes(pickle.dumps({"data": flat_planes(images), "fine_labels": labels}))
    fine = [f"kind {number}" for number in range(100)]
    (tmp_path / "meta").write_bytes(pickle.dumps({"fine_label_names": fine, "coarse_label_names": NAMES}))
    assert data.load(str(tmp_path)).class_names == tuple(fine)


def test_cifar10_binary(tmp_path: Path) -> None:
    for name in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"):
        images, labels = cifar_part(3, 10)
        columns = [np.array(labels, np.uint8)[:, None], flat_planes(images)]
        (tmp_path / name).write_bytes(np.concatenate(columns, axis=1).tobytes())
    assert data.load(str(tmp_path)).class_names == NUMBERS
    (tmp_path / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    assert data.load(str(tmp_path)).class_names == tuple(NAMES)
    (tmp_path / "batches.meta.txt").write_bytes(b"\xff\xfe")
    refused(tmp_path, "cannot be read")


def test_folders_name_their_classes(tmp_path: Path) -> None:
    write_images(tmp_path, {"zebra": 5, "ant": 5})
    assert data.load(str(tmp_path)).class_names == ("ant", "zebra")


def test_idx_files_have_numbers(tmp_path: Path) -> None:
    write_mnist(tmp_path / "mnist")
    assert data.load(str(tmp_path / "mnist")).class_names == ("0", "1", "2")


@pytest.mark.parametrize("key", ["class_names", "label_names"])
def test_npz_names(tmp_path: Path, key: str) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **npz_arrays())
    assert data.load(str(path)).class_names == ("0", "1", "2", "3")
    np.savez(path, **npz_arrays(), **{key: np.array(NAMES[:4])})
    assert data.load(str(path)).class_names == tuple(NAMES[:4])


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (np.arange(4), "int64 of shape"),
        (np.array([NAMES[:4]]), "shape"),
        (np.array(["a", "", "b", "c"]), "shape"),
        (np.array(NAMES[:2]), "label 3 is out of range"),
    ],
)
def test_npz_names_that_do_not_fit(tmp_path: Path, names: np.ndarray, words: str) -> None:
    np.savez(tmp_path / "a.npz", **npz_arrays(), class_names=names)
    refused(tmp_path / "a.npz", words)
