"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in Python: cifar-10-batches-py and cifar-100-python."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dartsl.data.images import Array, ImageData, assemble
from dartsl.data.labels import class_numbers
from dartsl.data.readers.names import pickled_names
from dartsl.data.readers.unpickle import read_pickle
from dartsl.lang.codes.diagnostics import UserError

CIFAR10_TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))


def read_cifar10(folder: Path) -> ImageData:
    """Images (N, 32, 32, 3) of data_batch_1 .. 5 and test_batch; 10 classes."""
    parts = [_read_file(folder / name, "labels") for name in CIFAR10_TRAIN]
    train = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    names = pickled_names(folder / "batches.meta", "label_names", 10)
    test = _read_file(folder / "test_batch", "labels")
    return assemble("CIFAR-10", train, test, classes=10, names=names)


def read_cifar100(folder: Path) -> ImageData:
    """Images (N, 32, 32, 3) of train and test with their fine labels; 100 classes."""
    train, test = (_read_file(folder / name, "fine_labels") for name in ("train", "test"))
    names = pickled_names(folder / "meta", "fine_label_names", 100)
    return assemble("CIFAR-100", train, test, classes=100, names=names)


def _read_file(path: Path, labels_key: str) -> tuple[Array, Array]:
    if not path.is_file():
        raise UserError(f"{path}: no such file", "unpack the archive again; all of its files are needed")
    found = read_pickle(path)
    for key in ("data", labels_key):
        if key not in found:
            raise UserError(
                f"{path}: has no `{key}`", "is this a CIFAR file, and in the folder of its own data set?"
            )
    pixels, labels = found["data"], found[labels_key]
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 2 or pixels.shape[1] != 3 * 32 * 32:
        shape = getattr(pixels, "shape", type(pixels).__name__)
        raise UserError(f"{path}: `data` is {shape}, not (images, 3072)", "is this a CIFAR file?")
    if not isinstance(labels, list | np.ndarray):
        raise UserError(f"{path}: `{labels_key}` is not a list", "is this a CIFAR file?")
    if isinstance(labels, list) and not all(type(label) is int and abs(label) < 2**31 for label in labels):
        raise UserError(f"{path}: `{labels_key}` does not hold small whole numbers", "is this a CIFAR file?")
    numbers = class_numbers(
        str(path), "its", np.asarray(labels, dtype=np.int64 if isinstance(labels, list) else None)
    )
    if len(numbers) != len(pixels):
        raise UserError(
            f"{path}: {len(pixels)} images, but {len(numbers)} labels", "each image needs one label, in order"
        )
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), numbers  # (N, H, W, C), (N,)
