"""Every format from tiny files, and every fault that a reader can meet."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dartsl import data
from dartsl.lang.diagnostics import UserError

RANDOM = np.random.default_rng(7)


def cifar_part(count: int, classes: int) -> tuple[np.ndarray, list[int]]:
    """Images (N, H, W, C) and labels."""
    images = RANDOM.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return images, RANDOM.integers(0, classes, count).tolist()


def flat_planes(images: np.ndarray) -> np.ndarray:
    """(N, 3072), channel by channel, as both of CIFAR's layouts store images."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), -1)


def write_cifar10_python(folder: Path, **options: int) -> tuple[list, tuple]:
    folder.mkdir(parents=True)
    parts = [cifar_part(4, 10) for _ in range(6)]
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for name, (images, labels) in zip(names, parts, strict=True):
        content = {b"data": flat_planes(images), b"labels": labels, b"batch_label": name.encode()}
        (folder / name).write_bytes(pickle.dumps(content, **options))
    return parts[:5], parts[5]


def write_idx(path: Path, array: np.ndarray) -> None:
    content = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_mnist(folder: Path, suffix: str = "") -> dict[str, np.ndarray]:
    folder.mkdir(parents=True)
    arrays = {}
    for part, count in (("train", 12), ("t10k", 5)):
        arrays[f"{part}-images-idx3-ubyte"] = RANDOM.integers(0, 256, (count, 6, 5), dtype=np.uint8)
        arrays[f"{part}-labels-idx1-ubyte"] = (np.arange(count) % 3).astype(np.uint8)
    for name, array in arrays.items():
        write_idx(folder / f"{name}{suffix}", array)
    return arrays


def npz_arrays() -> dict[str, np.ndarray]:
    return {
        "x_train": RANDOM.integers(0, 256, (10, 6, 5, 3), dtype=np.uint8),
        "y_train": np.arange(10) % 4,
        "x_test": RANDOM.integers(0, 256, (4, 6, 5, 3), dtype=np.uint8),
        "y_test": np.arange(4),
    }


def write_images(
    folder: Path, counts: dict[str, int], size: tuple[int, int] = (5, 6), mode: str = "RGB"
) -> None:
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = RANDOM.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(pixels).convert(mode).save(folder / name / f"{i:02}.png")


def refused(path: Path | str, words: str, **options: object) -> UserError:
    """`data.load` gives a UserError whose message holds `words`, with a help line."""
    with pytest.raises(UserError, match=words) as caught:
        data.load(str(path), **options)
    assert caught.value.help
    return caught.value


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


# -------------------------------------------------------------------- CIFAR


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("inside", [False, True])
def test_cifar10_python(tmp_path: Path, protocol: int, inside: bool) -> None:
    train, test = write_cifar10_python(tmp_path / "cifar-10-batches-py", protocol=protocol)
    found = data.load(str(tmp_path / "cifar-10-batches-py" if inside else tmp_path), expect=(3, 32, 32, 10))
    assert np.array_equal(found.train_images.numpy(), np.concatenate([part[0] for part in train]))
    assert found.train_labels.tolist() == [label for part in train for label in part[1]]
    assert np.array_equal(found.test_images.numpy(), test[0])
    assert found.test_labels.tolist() == test[1]


def test_python_2_pickle(tmp_path: Path) -> None:
    """The form of the published files: Python 2, protocol 2, `str` keys and bytes, numpy.core."""
    write_cifar10_python(tmp_path / "c")
    images, labels = cifar_part(2, 10)
    raw = flat_planes(images).tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
        b"(K\x01(K\x02M\x00\x0ctcnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T" + struct.pack("<I", len(raw)) + raw + b"tb"
    )
    body = (
        b"\x80\x02}(U\x04data"
        + array
        + b"U\x06labels]("
        + b"".join(b"K" + bytes([v]) for v in labels)
        + b"eu."
    )
    (tmp_path / "c" / "test_batch").write_bytes(body)
    found = data.load(str(tmp_path))
    assert np.array_equal(found.test_images.numpy(), images)
    assert found.test_labels.tolist() == labels


def test_cifar100_python(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    parts = {name: cifar_part(5, 100) for name in ("train", "test")}
    for name, (images, labels) in parts.items():
        content = {"data": flat_planes(images), "fine_labels": labels, "coarse_labels": [0] * 5}
        (folder / name).write_bytes(pickle.dumps(content))
    found = data.load(str(tmp_path), expect=(3, 32, 32, 100))
    assert np.array_equal(found.train_images.numpy(), parts["train"][0])
    assert found.test_labels.tolist() == parts["test"][1]


@pytest.mark.parametrize("classes", [10, 100])
def test_cifar_binary(tmp_path: Path, classes: int) -> None:
    names = ["train.bin", "test.bin"]
    if classes == 10:
        names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    parts = [cifar_part(3, classes) for _ in names]
    for name, (images, labels) in zip(names, parts, strict=True):
        columns = [np.array(labels, np.uint8)[:, None], flat_planes(images)]
        if classes == 100:
            columns.insert(0, np.full((3, 1), 19, np.uint8))  # the coarse label
        (tmp_path / name).write_bytes(np.concatenate(columns, axis=1).tobytes())
    found = data.load(str(tmp_path), expect=(3, 32, 32, classes))
    assert np.array_equal(found.train_images.numpy(), np.concatenate([part[0] for part in parts[:-1]]))
    assert found.train_labels.tolist() == [label for part in parts[:-1] for label in part[1]]
    assert np.array_equal(found.test_images.numpy(), parts[-1][0])
    (tmp_path / names[0]).write_bytes((tmp_path / names[0]).read_bytes()[:-1])
    refused(tmp_path, "no whole number of")
    (tmp_path / names[0]).unlink()
    refused(tmp_path, "no such file")


class Malice:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("protocol", range(6))
def test_malicious_pickle_is_refused(tmp_path: Path, protocol: int) -> None:
    write_cifar10_python(tmp_path / "c")
    target = tmp_path / "made"
    content = {"data": Malice(target), "labels": [0]}
    (tmp_path / "c" / "data_batch_2").write_bytes(pickle.dumps(content, protocol=protocol))
    refused(tmp_path, r"refused.*mkdir")
    assert not target.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\nndarray\n((I1000000000\nI1000000\nttR.",  # ndarray(huge)
        b"cnumpy\ndtype\n(S'O8'\ntR.",  # an array of objects
        b"c_codecs\nencode\n(S'x'\nS'zip'\ntR.",
        b"\x80\x02cdartsl.data.readers.unpickle\npickle.loads\n.",
        b"(dp0\n" * 3,
        b"not a pickle",
        b"]q\x00.",  # a list, no dictionary
        b"",
    ],
)
def test_odd_pickles_are_refused(tmp_path: Path, body: bytes) -> None:
    write_cifar10_python(tmp_path / "c")
    (tmp_path / "c" / "data_batch_1").write_bytes(body)
    refused(tmp_path, "refused|not a readable pickle|not a dictionary")


def test_damaged_cifar(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    write_cifar10_python(folder)
    path = folder / "data_batch_3"
    whole = path.read_bytes()
    for length in range(0, len(whole), len(whole) // 60):
        path.write_bytes(whole[:length])
        refused(tmp_path, "data_batch_3")
    images, labels = cifar_part(4, 10)
    for content, words in (
        ({"data": flat_planes(images)}, "has no `labels`"),
        ({"data": flat_planes(images)[:, :-1], "labels": labels}, "not \\(images, 3072\\)"),
        ({"data": "x", "labels": labels}, "not \\(images, 3072\\)"),
        ({"data": flat_planes(images), "labels": ["cat"] * 4}, "small whole numbers"),
        ({"data": flat_planes(images), "labels": 3}, "is no list"),
        ({"data": flat_planes(images), "labels": [0, 1, 2, 10]}, "label 10 is out of range"),
        ({"data": flat_planes(images), "labels": [0, 1, -2, 3]}, "label -2 is out of range"),
        ({"data": flat_planes(images), "labels": [0, 1, 2]}, "20 training images, but 19 labels"),
    ):
        path.write_bytes(pickle.dumps(content))
        refused(tmp_path, words)
    path.unlink()
    refused(tmp_path, "no such file")


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
    refused(path, "4 classes, but the spec's head gives 10", expect=(3, 6, 5, 10))
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
    for name, words in (("cifar-10-python.tar.gz", "an archive"), ("x.csv", "unknown format")):
        (tmp_path / name).write_bytes(b"")
        refused(tmp_path / name, words)
