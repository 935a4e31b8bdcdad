"""A folder of class folders of images, read into memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dartsl.data.images import Array, ImageData, assemble
from dartsl.data.readers.image_file import is_grey, read_image
from dartsl.data.readers.layout import Listed, listing
from dartsl.lang.codes.diagnostics import UserError


def read(folder: Path, expect: tuple[int, int, int] | None) -> ImageData:
    """Images (N, H, W, C), classes numbered in the order of their folders' names.

    `dartsl.data.readers.layout.listing` says which images are which. With `expect` (channels, height, width), images
    are converted and resized to it; without it they must have one size, and are grey only if all are. Training images
    are shuffled by a fixed seed, so that both halves of the search see every class.
    """
    found = listing(folder)
    parts = [part for part in (found.train, found.test, found.valid) if part]
    channels = (
        expect[0] if expect is not None else _common_channels([path for part in parts for path, _ in part])
    )
    size = expect[1:] if expect is not None else None
    arrays = [_read_all(part, channels, size) for part in parts]
    return assemble(
        folder.resolve().name,
        arrays[0],
        arrays[1],
        valid=arrays[2] if found.valid else None,
        names=found.classes,
        notes=found.notes,
    )


def _common_channels(paths: list[Path]) -> int:
    return 1 if all(is_grey(path) for path in paths) else 3


def _read_all(listed: Listed, channels: int, size: tuple[int, int] | None) -> tuple[Array, Array]:
    arrays: list[Array] = []
    for path, _ in listed:
        array = _read_image(path, channels, size)
        if arrays and array.shape != arrays[0].shape:
            (h, w), (first_h, first_w) = array.shape[:2], arrays[0].shape[:2]
            raise UserError(
                f"{path}: is {h}x{w}, but {listed[0][0]} is {first_h}x{first_w}",
                "images of several sizes are resized only when a spec says to what",
            )
        arrays.append(array)
    return np.stack(arrays), np.array([label for _, label in listed])


def _read_image(path: Path, channels: int, size: tuple[int, int] | None) -> Array:
    """One image as uint8 (H, W, C)."""
    image = read_image(path, channels)
    if size is not None and (image.height, image.width) != size:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    array = np.asarray(image, dtype=np.uint8)
    return array if array.ndim == 3 else array[..., None]
