"""CIFAR's two layouts from tiny files, and pickles that are not what they should be."""

from __future__ import annotations

import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from dartsl import data
from tests.data.files import (
    cifar_part,
    flat_planes,
    refused,
    write_cifar10_python,
)


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
    refused(tmp_path, "not a whole number of")
    (tmp_path / names[0]).unlink()
    refused(tmp_path, "no such file")


def test_many_file_names_as_python_3_pickles_those_of_python_2(tmp_path: Path) -> None:
    """Each is a call of `_codecs.encode` with a tuple of its own."""
    write_cifar10_python(tmp_path / "c")
    images, labels = cifar_part(4, 10)
    names = [b"%d.png" % number for number in range(5000)]
    content = {b"data": flat_planes(images), b"labels": labels, b"filenames": names}
    (tmp_path / "c" / "test_batch").write_bytes(pickle.dumps(content, protocol=2))
    assert np.array_equal(data.load(str(tmp_path)).test_images.numpy(), images)


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
        ({"data": flat_planes(images), "labels": 3}, "is not a list"),
        ({"data": flat_planes(images), "labels": [0, 1, 2, 10]}, "label 10 is out of range"),
        ({"data": flat_planes(images), "labels": [0, 1, -2, 3]}, "label -2 is out of range"),
        ({"data": flat_planes(images), "labels": [0, 1, 2]}, "data_batch_3: 4 images, but 3 labels"),
    ):
        path.write_bytes(pickle.dumps(content))
        refused(tmp_path, words)
    path.unlink()
    refused(tmp_path, "no such file")
