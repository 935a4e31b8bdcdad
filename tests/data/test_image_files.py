"""Every format from tiny files, and every fault that a reader can meet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dartsl import data
from tests.data.files import (
    npz_arrays,
    refused,
    write_cifar10_python,
    write_idx,
    write_images,
    write_mnist,
)

# ------------------------------------------------------------------- digits


def test_digits() -> None:
    digits = data.load("digits", expect=(1, 8, 8, 10))
    assert digits.train_images.shape == (1500, 8, 8, 1)
    assert digits.test_images.shape == (297, 8, 8, 1)
    assert digits.train_images.dtype == torch.uint8
    assert digits.train_labels.dtype == torch.int64
    assert digits.shape == (1, 8, 8)
    assert digits.classes == 10
    assert sorted(set(digits.train_images.flatten().tolist())) == [round(v * 255 / 16) for v in range(17)]
    assert digits.train_labels[:5].tolist() == [0, 1, 2, 3, 4]


def test_name_not_found() -> None:
    assert "digits" in str(refused("digit", "no such data set").help)
    refused("no/such/place", "no such data set")
    refused("", "no data set is named")
    refused("x" * 5000, "cannot be read")
    refused("~nobody-of-this-name/data", "cannot be read|no such data set")


# ---------------------------------------------------------------------- IDX


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("layout", ["", "MNIST/raw"])
def test_idx(tmp_path: Path, suffix: str, layout: str) -> None:
    arrays = write_mnist(tmp_path / "d" / layout, suffix)
    place = tmp_path / "d" / "MNIST" if layout else tmp_path / "d"
    found = data.load(str(place), expect=(1, 6, 5, 3))
    assert np.array_equal(found.train_images[..., 0].numpy(), arrays["train-images-idx3-ubyte"])
    assert found.test_labels.tolist() == arrays["t10k-labels-idx1-ubyte"].tolist()
    if layout:
        assert data.load(str(tmp_path / "d")).name == "MNIST"


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_damaged_idx(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "d"
    arrays = write_mnist(folder, suffix)
    path = folder / f"train-images-idx3-ubyte{suffix}"
    whole = path.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:length])
        refused(folder, "train-images")
    write_idx(path, arrays["train-images-idx3-ubyte"].reshape(12, 30))
    refused(folder, "says 12x30|2 axes|6x5|test images")
    (folder / f"t10k-labels-idx1-ubyte{suffix}").unlink()
    refused(folder, "train-images|no t10k-labels")


def test_idx_of_another_type(tmp_path: Path) -> None:
    write_mnist(tmp_path / "d")
    (tmp_path / "d" / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0")
    refused(tmp_path / "d", "not unsigned bytes")
    refused(tmp_path / "d" / "train-images-idx3-ubyte", "one file of a data set")


# ---------------------------------------------------------------------- npz


def test_npz(tmp_path: Path) -> None:
    arrays = npz_arrays()
    arrays["y_train"] = arrays["y_train"][:, None]  # as Keras stores CIFAR's labels
    arrays["classes"] = np.array(["a", "b", "c", "d"])
    np.savez_compressed(tmp_path / "d.npz", **arrays)
    found = data.load(str(tmp_path / "d.npz"), expect=(3, 6, 5, 4))
    assert found.name == "d.npz"
    assert np.array_equal(found.train_images.numpy(), arrays["x_train"])
    assert found.train_labels.tolist() == (np.arange(10) % 4).tolist()
    assert found.to("cpu").classes == 4


def test_grey_npz(tmp_path: Path) -> None:
    arrays = npz_arrays()
    arrays |= {"x_train": arrays["x_train"][..., 0], "x_test": arrays["x_test"][..., 0]}
    np.savez(tmp_path / "d.npz", **arrays)
    assert data.load(str(tmp_path / "d.npz")).train_images.shape == (10, 6, 5, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x_train": None}, "has no x_train"),
        ({"x_train": np.zeros((10, 6, 5, 3))}, "float64, not uint8"),
        ({"x_train": np.zeros((10, 90), np.uint8)}, "2 axes"),
        ({"x_train": np.zeros((0, 6, 5, 3), np.uint8)}, "no training images"),
        ({"x_train": np.zeros((9, 6, 5, 3), np.uint8)}, "9 training images, but 10 labels"),
        ({"x_test": np.zeros((4, 6, 6, 3), np.uint8)}, "training images are 6x5"),
        ({"y_train": np.zeros(10)}, "float64, not whole numbers"),
        ({"y_train": np.eye(10, dtype=int)}, "labels have shape"),
        ({"y_train": np.arange(10) - 1}, "label -1 is out of range"),
        ({"y_train": np.full(10, 2**64 - 1, np.uint64)}, "is out of range"),
        ({"y_test": np.array([0, 1, 2, 4])}, "test label 4 is out of range"),
        ({"x_train": np.array([{}] * 10)}, "not a readable .npz file"),
        ({"x_train": np.zeros((1, 6, 5, 3), np.uint8), "y_train": np.array([3])}, "one training image"),
    ],
)
def test_faults_of_npz(tmp_path: Path, change: dict, words: str) -> None:
    arrays = {key: value for key, value in (npz_arrays() | change).items() if value is not None}
    np.savez(tmp_path / "d.npz", **arrays)
    refused(tmp_path / "d.npz", words)


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_npz(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "d.npz"
    (np.savez_compressed if compressed else np.savez)(path, **npz_arrays())
    whole = path.read_bytes()
    for length in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:length])
        refused(path, "d.npz")
    for place in range(200, 800, 30):  # within the first array's data
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        refused(path, "d.npz")
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "a.npy").replace(path)
    refused(path, "not a readable .npz file")


# ----------------------------------------------------------- folder of images


def test_image_folder(tmp_path: Path) -> None:
    write_images(tmp_path / "train", {"cat": 6, "dog": 5})
    write_images(tmp_path / "test", {"cat": 2, "dog": 1})
    (tmp_path / "train" / "cat" / "notes.txt").write_text("not an image")
    (tmp_path / ".cache").mkdir()
    found = data.load(str(tmp_path), expect=(3, 6, 5, 2))
    assert found.train_images.shape == (11, 6, 5, 3)
    assert sorted(found.train_labels.tolist()) == [0] * 6 + [1] * 5
    assert found.train_labels.tolist() != sorted(found.train_labels.tolist())
    assert found.test_labels.tolist() == [0, 0, 1]
    pixels = np.asarray(Image.open(tmp_path / "test" / "cat" / "01.png"))
    assert np.array_equal(found.test_images[1].numpy(), pixels)
    assert torch.equal(data.load(str(tmp_path)).train_images, found.train_images)


def test_flat_image_folder_is_split_the_same_each_time(tmp_path: Path) -> None:
    write_images(tmp_path, {"a": 10, "b": 5, "c": 1})
    found, again = (data.load(str(tmp_path)) for _ in range(2))
    assert sorted(found.test_labels.tolist()) == [0, 0, 1]
    assert sorted(found.train_labels.tolist()) == [0] * 8 + [1] * 4 + [2]
    assert torch.equal(found.train_images, again.train_images)
    assert torch.equal(found.test_images, again.test_images)


def test_image_folder_is_resized_and_converted_to_what_the_spec_asks(tmp_path: Path) -> None:
    write_images(tmp_path / "train", {"a": 3, "b": 3}, size=(9, 7))
    write_images(tmp_path / "val", {"a": 1, "b": 1}, size=(4, 4), mode="P")
    found = data.load(str(tmp_path), expect=(1, 8, 6, 2))
    assert found.train_images.shape == (6, 8, 6, 1)
    assert found.test_images.shape == (2, 8, 6, 1)
    refused(tmp_path, "is 4x4|training images are")


def test_grey_folder_has_one_channel(tmp_path: Path) -> None:
    write_images(tmp_path / "train", {"a": 3, "b": 3}, mode="L")
    write_images(tmp_path / "test", {"a": 1, "b": 1}, mode="L")
    assert data.load(str(tmp_path)).shape == (1, 6, 5)


def test_faults_of_image_folders(tmp_path: Path) -> None:
    refused(tmp_path, "unknown format")
    write_images(tmp_path / "few", {"a": 1, "b": 1})
    refused(tmp_path / "few", "too few images")
    write_images(tmp_path / "train", {"a": 2, "b": 2})
    refused(tmp_path, "neither test/ nor val/")
    write_images(tmp_path / "test", {"a": 1, "c": 1})
    refused(tmp_path, "class c is not in")
    (tmp_path / "test" / "c").rename(tmp_path / "test" / "b")
    refused(tmp_path, "never 5", expect=(5, 6, 5, 2))
    (tmp_path / "train" / "empty").mkdir()
    refused(tmp_path, "without images")
    (tmp_path / "train" / "empty").rmdir()
    picture = tmp_path / "train" / "a" / "00.png"
    picture.write_bytes(picture.read_bytes()[:60])
    refused(tmp_path, "not a readable image")
    Image.fromarray(np.zeros((6, 5), np.uint16)).save(picture)
    refused(tmp_path, "more than 8 bits")


# ------------------------------------------------------------------ fit and place


def test_data_must_fit_the_spec(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", **npz_arrays())
    path = tmp_path / "d.npz"
    error = refused(
        path, r"3 channels and size 6x5, but the spec says `input image\(3, 32, 32\)`", expect=(3, 32, 32, 4)
    )
    assert "input image(3, 6, 5)" in str(error.help)
    refused(path, "4 classes, and the network's head gives 10", expect=(3, 6, 5, 10))
    turned = npz_arrays()
    turned |= {name: turned[name].transpose(0, 3, 1, 2) for name in ("x_train", "x_test")}
    np.savez(path, **turned)
    assert "channels seem to come first" in str(refused(path, "5 channels", expect=(3, 6, 5, 4)).help)


def test_several_data_sets_in_one_folder(tmp_path: Path) -> None:
    write_cifar10_python(tmp_path / "cifar-10-batches-py")
    write_mnist(tmp_path / "MNIST" / "raw")
    error = refused(tmp_path, "holds several data sets")
    assert "MNIST" in str(error.help)


def test_other_files(tmp_path: Path) -> None:
    for name, words in (
        ("cifar-10-python.tar.gz", "an archive"),
        ("x.csv", "a table, and the network takes images"),
        ("x.dat", "unknown format"),
    ):
        (tmp_path / name).write_bytes(b"")
        refused(tmp_path / name, words)
