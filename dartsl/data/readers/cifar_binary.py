"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in binary: cifar-10-batches-bin and cifar-100-binary."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dartsl.data.images import Array, ImageData, assemble
from dartsl.data.readers.bounded import require_plausible
from dartsl.data.readers.names import listed_names
from dartsl.lang.codes.diagnostics import UserError

CIFAR10_TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
_PIXELS = 3 * 32 * 32


def read_cifar10(folder: Path) -> ImageData:
    """Images (N, 32, 32, 3) of data_batch_1.bin .. 5 and test_batch.bin; 10 classes."""
    parts = [_read_file(folder / name, label_bytes=1) for name in CIFAR10_TRAIN]
    train = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    test = _read_file(folder / "test_batch.bin", label_bytes=1)
    names = listed_names(folder / "batches.meta.txt", 10)
    return assemble("CIFAR-10", train, test, classes=10, names=names)


def read_cifar100(folder: Path) -> ImageData:
    """Images (N, 32, 32, 3) of train.bin and test.bin with their fine labels; 100 classes."""
    train, test = (_read_file(folder / name, label_bytes=2) for name in ("train.bin", "test.bin"))
    names = listed_names(folder / "fine_label_names.txt", 100)
    return assemble("CIFAR-100", train, test, classes=100, names=names)


def _read_file(path: Path, label_bytes: int) -> tuple[Array, Array]:
    """Records of `label_bytes` labels (the last is the one wanted) and 3,072 pixels, channel by channel."""
    if not path.is_file():
        raise UserError(f"{path}: no such file", "unpack the archive again; all of its files are needed")
    size, record = path.stat().st_size, label_bytes + _PIXELS
    if size % record:
        raise UserError(
            f"{path}: {size} bytes, which is not a whole number of {record}-byte images",
            "is the file complete, and in the folder of its own data set?",
        )
    require_plausible(path, f"holds {size // record:,} images", size, size, packed=False)
    records = np.fromfile(path, dtype=np.uint8).reshape(-1, record)
    images = records[:, label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)  # (N, H, W, C)
    return images, records[:, label_bytes - 1]
