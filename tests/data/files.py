"""Tiny files of every format."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dartsl import data
from dartsl.lang.codes.diagnostics import UserError

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
