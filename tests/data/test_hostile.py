"""Data files made to mislead: sizes that lie, bombs, pickles that ask for memory. Each is refused, in little memory."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dartsl import data
from dartsl.data.readers import unpickle
from dartsl.data.text import load_text
from dartsl.data.text.readers import MOST_BYTES
from dartsl.lang.codes.diagnostics import UserError
from tests.data.files import npz_arrays, refused, write_cifar10_python, write_mnist

LITTLE = 64 << 20  # bytes that a refusal may take


@pytest.fixture(autouse=True)
def little_memory() -> object:
    """Fail the test where more than `LITTLE` bytes were held at once."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < LITTLE


# ------------------------------------------------------------------- npz


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def header(shape: str, descr: str = "'|u1'", fortran: bool = False, version: int = 1) -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text


def archive(path: Path, method: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    """A data set of `npz_arrays`, with some members replaced by other bytes."""
    contents = {key: npy(array) for key, array in npz_arrays().items()} | members
    with zipfile.ZipFile(path / "d.npz", "w", method) as file:
        for name, content in contents.items():
            file.writestr(f"{name}.npy", content)
    return path / "d.npz"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    ("member", "words"),
    [
        (header("(1000000000000, 28, 28)"), "says 1000000000000x28x28 values of uint8"),
        (header("(" + "99999999999999999999, " * 5 + ")"), "says 9999"),
        (header("(100000, 28, 28)") + bytes(1000), "but holds|cannot hold"),
        (header("(2, 3)") + bytes(7), "says 2x3 values of uint8, but holds more"),
        (header("(2, 3)") + bytes(5), "but holds"),
        (header("(-1, 28, 28)"), r"has shape \(-1, 28, 28\)"),
        (header("(3,)", "'|O'") + bytes(24), "an array of objects"),
        (header("(2,)", "[('r', '|u1'), ('g', '|u1')]") + bytes(4), "without fields|is of type"),
        (header("(3,)", "'|V0'"), "is of type"),
        (header("(3,)", "'<U99999999999'"), "not an array|says 3 values"),
        (header("(1,)", version=9) + bytes(1), r"not an array .version \(9, 0\)"),
        (header("(" * 3000 + ")" * 3000), "not an array"),
        (b"\x93NUMPY\x02\0\xff\xff\xff\xff" + b" " * 70_000, "not an array"),
        (b"x_train without magic", "x_train is not an array .*magic"),
        (b"", "x_train is not an array"),
    ],
)
def test_headers_that_lie(tmp_path: Path, method: int, member: bytes, words: str) -> None:
    refused(archive(tmp_path, method, x_train=member), words)


def test_fortran_order_and_byte_order_are_read(tmp_path: Path) -> None:
    arrays = npz_arrays()
    swapped = {
        key: np.asfortranarray(array) if key[0] == "x" else array.astype(">i8")
        for key, array in arrays.items()
    }
    found = data.load(str(archive(tmp_path, **{key: npy(array) for key, array in swapped.items()})))
    assert np.array_equal(found.train_images.numpy(), arrays["x_train"])
    assert found.train_labels.tolist() == arrays["y_train"].tolist()


def test_a_bomb_is_read_as_far_as_its_header_says(tmp_path: Path) -> None:
    refused(
        archive(tmp_path, zipfile.ZIP_DEFLATED, x_train=header("(10, 6, 5, 3)") + bytes(1 << 23)),
        "but holds more",
    )


def changed(path: Path, change: Callable[[bytearray, int, int], None]) -> Path:
    """Change the local header of x_train and its entry in the directory, which lie at the two places."""
    content = bytearray(path.read_bytes())
    change(content, content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02"))
    path.write_bytes(content)
    return path


def encrypted(content: bytearray, local: int, entry: int) -> None:
    content[local + 6] |= 1
    content[entry + 8] |= 1


def method(number: int) -> Callable[[bytearray, int, int], None]:
    def change(content: bytearray, local: int, entry: int) -> None:
        content[local + 8] = content[entry + 10] = number

    return change


def larger(content: bytearray, local: int, entry: int) -> None:
    content[entry + 20 : entry + 28] = b"\xf0\xff\xff\x7f" * 2


def zip64(content: bytearray, local: int, entry: int) -> None:
    """Sizes that point to an extra field which is not there."""
    content[entry + 20 : entry + 28] = b"\xff" * 8


def far(content: bytearray, local: int, entry: int) -> None:
    content[entry + 42 : entry + 46] = b"\xf0\xff\xff\x7f"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (encrypted, "x_train is encrypted"),
        (method(9), "by method 9"),
        (method(12), "by method 12"),
        (method(14), "by method 14"),
        (larger, "d.npz"),
        (zip64, "d.npz"),
        (far, "d.npz"),
    ],
)
def test_archives_that_lie(tmp_path: Path, change: Callable[[bytearray, int, int], None], words: str) -> None:
    refused(changed(archive(tmp_path), change), words)


def test_members_that_are_there_twice(tmp_path: Path) -> None:
    path = archive(tmp_path)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as file:
        file.writestr("y_train.npy", npy(np.zeros(10, int)))
    refused(path, "holds y_train twice")


# ------------------------------------------------------------------- IDX


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\0\0\x08\x03" + b"\xff" * 12 + bytes(100), "says 4294967295x4294967295x4294967295 values"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 60_000, 28, 28) + bytes(100), "says 60000x28x28 values"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2, 2, 2) + bytes(9), "says 2x2x2 values, but holds more"),
        (b"\0\0\x08\x03" + b"\0\0\0\x01" * 2, "ends within its header"),
        (b"\0\0\x08\xff" + b"\0\0\0\x01" * 255 + b"x", "255 axes"),
        (b"\0\0\x08\0x", r"0 axes"),
        (b"\0\0\x0d\x03", "not unsigned bytes"),
    ],
)
def test_idx_headers_that_lie(tmp_path: Path, suffix: str, content: bytes, words: str) -> None:
    write_mnist(tmp_path / "d", suffix)
    name = tmp_path / "d" / f"train-images-idx3-ubyte{suffix}"
    name.write_bytes(gzip.compress(content) if suffix else content)
    refused(tmp_path / "d", words)


def test_a_gzip_bomb(tmp_path: Path) -> None:
    write_mnist(tmp_path / "d", ".gz")
    start = b"\0\0\x08\x03" + struct.pack(">3I", 12, 6, 5)
    (tmp_path / "d" / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(start + bytes(1 << 23)))
    refused(tmp_path / "d", "says 12x6x5 values, but holds more")


# ------------------------------------------------------------------- pickles


@pytest.mark.parametrize(
    "body",
    [
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"x.",  # BINBYTES8
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"x.",  # BYTEARRAY8
        b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"x.",  # BINUNICODE8
        b"B" + struct.pack("<I", 0xFFFFFFFF) + b"x.",
        b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"}.",  # FRAME
        b"}r\xff\xff\xff\x7f.",  # LONG_BINPUT: the C memo would grow to 32 GB
        b"}p99999999999\n.",
        b"}p-5\n.",
        b"}" + b"(" + b"N\x85" + b"\x85" * 5000 + b"Nu.",  # a key of tuples within tuples
        b"cnumpy.core.multiarray\n_reconstruct\nq\0" + b"NNN\x87" + b"q\1h\0h\1\x85R0h\1\x85" * 5000 + b".",
        b"]" + b"(" * 1 + b"]" * 50_000,
        b"L" + b"9" * 100_000 + b"L\n.",
        b"(lp0\n" + b"0" * 10,
        b"cnumpy.core.multiarray\n_reconstruct\n(NNNtR(K\x01(K\x02tcnumpy\ndtype\n(U\x02u1tR(K\x03U\x01|tb\x89Ntb.",
    ],
)
def test_pickles_that_ask_for_memory(tmp_path: Path, body: bytes) -> None:
    write_cifar10_python(tmp_path / "c")
    (tmp_path / "c" / "data_batch_1").write_bytes(body)
    refused(tmp_path, "data_batch_1: (refused|not a readable pickle)")


def test_bytes_that_are_made_into_many_arrays(tmp_path: Path) -> None:
    dtype = b"cnumpy\ndtype\n(X\x02\0\0\0u1tR(K\x03X\x01\0\0\0|tbq\x02"
    text = b"\x96" + struct.pack("<Q", 100_000) + bytes(100_000) + b"q\x01"
    one = b"cnumpy.core.multiarray\n_reconstruct\n(NtR(K\x01(J\xa0\x86\x01\0th\x02\x89h\x01tb"
    write_cifar10_python(tmp_path / "d")
    (tmp_path / "d" / "data_batch_1").write_bytes(
        b"\x80\x05]" + dtype + b"a" + text + b"a(" + one * 100 + b"e."
    )
    refused(tmp_path / "d", "refused.*larger than the file")


def test_more_opcodes_than_any_data_set_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpickle, "MOST_OPCODES", 1000)
    write_cifar10_python(tmp_path / "c")
    (tmp_path / "c" / "data_batch_1").write_bytes(b"](" + b"]" * 1000 + b"e.")
    refused(tmp_path, "refused.*more than 1,000 opcodes")
    monkeypatch.setattr(unpickle, "MOST_BYTES", 10)
    refused(tmp_path, "more than any CIFAR file")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((4, 2), int), r"data_batch_3: its labels have shape \(4, 2\)"),
        (np.eye(4, dtype=np.int64), "one-hot"),
        (np.zeros(4), "its labels are float64"),
        ([[0], [1], [2], [3]], "small whole numbers"),
        ([0, 1, 2, True], "small whole numbers"),
        (np.zeros((1, 4), int), r"have shape \(1, 4\)"),
        (np.zeros(5, int), "4 images, but 5 labels"),
    ],
)
def test_labels_of_cifar(tmp_path: Path, labels: object, words: str) -> None:
    write_cifar10_python(tmp_path / "c")
    content = {"data": np.zeros((4, 3072), np.uint8), "labels": labels}
    (tmp_path / "c" / "data_batch_3").write_bytes(pickle.dumps(content))
    refused(tmp_path, words)


def test_a_column_of_labels_is_read(tmp_path: Path) -> None:
    write_cifar10_python(tmp_path / "c")
    content = {"data": np.zeros((4, 3072), np.uint8), "labels": np.arange(4)[:, None]}
    (tmp_path / "c" / "test_batch").write_bytes(pickle.dumps(content))
    assert data.load(str(tmp_path)).test_labels.tolist() == [0, 1, 2, 3]


# ------------------------------------------------------------------- no files, no texts


def test_a_pipe_is_no_data_set_and_nothing_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "neither a file nor a folder")
    refused("/dev/zero", "neither a file nor a folder")
    with pytest.raises(UserError, match="neither a file nor a folder"):
        load_text(str(tmp_path / "pipe"), "word")
    for folder, name in (("m", "train-images-idx3-ubyte"), ("c", "data_batch_1"), ("n/a", "x.png")):
        (tmp_path / folder).mkdir(parents=True)
        os.mkfifo(tmp_path / folder / name)
        refused(tmp_path / folder, "unknown format")


def test_a_text_that_memory_does_not_hold(tmp_path: Path) -> None:
    with (tmp_path / "line.txt").open("wb") as file:
        file.truncate(MOST_BYTES + 1)  # a hole: it takes no space
    with pytest.raises(UserError, match="more than the 1,073,741,824 of a text") as caught:
        load_text(str(tmp_path / "line.txt"), "word")
    assert caught.value.help
