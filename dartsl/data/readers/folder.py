"""A folder of class folders of images, read by Pillow."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from dartsl.data.images import Array, ImageData, assemble
from dartsl.lang.diagnostics import UserError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
TEST_PART = 0.2
_DEEP_MODES = ("I", "F")  # 16 or 32 bits a pixel: I, I;16, I;16B, F


def is_image_folder(folder: Path) -> bool:
    """Whether `folder` holds a train/ folder or class folders with at least one image."""
    if (folder / "train").is_dir():
        return True
    return any(_image_paths(child) for child in _sub_folders(folder))


def read(folder: Path, expect: tuple[int, int, int] | None) -> ImageData:
    """Images (N, H, W, C), classes numbered in the order of their folders' names.

    The folders are train/CLASS and test/CLASS (val/ where there is no test/), or CLASS alone: then a fixed,
    random fifth of each class is the test part. With `expect` (channels, height, width), images are
    converted and resized to it; without it they must have one size, and are grey only if all are.
    Training images are shuffled by a fixed seed, so that both halves of the search see every class.
    """
    train, test, classes = listing(folder)
    channels = expect[0] if expect is not None else _common_channels([path for path, _ in train + test])
    size = expect[1:] if expect is not None else None
    parts = [_read_all(part, channels, size) for part in (train, test)]
    return assemble(folder.resolve().name, parts[0], parts[1], names=classes)


Listed = list[tuple[Path, int]]


def listing(folder: Path) -> tuple[Listed, Listed, list[str]]:
    """The training images, shuffled, and the test images, with their labels; the classes. See `read`."""
    train_folder = folder / "train" if (folder / "train").is_dir() else folder
    classes = [child.name for child in _sub_folders(train_folder)]
    if train_folder is folder:
        train, test = _set_apart(_list_images(folder, classes))
    else:
        test_folder = next((folder / name for name in ("test", "val") if (folder / name).is_dir()), None)
        if test_folder is None:
            raise UserError(
                f"{folder}: has train/, but neither test/ nor val/", "put the test images in test/CLASS/"
            )
        extra = sorted({child.name for child in _sub_folders(test_folder)} - set(classes))
        if extra:
            raise UserError(
                f"{test_folder}: class {extra[0]} is not in {train_folder}", "both need the same classes"
            )
        train = _list_images(train_folder, classes)
        test = _list_images(test_folder, classes, may_lack=True)
    order = np.random.default_rng(0).permutation(len(train))
    return [train[i] for i in order], test, classes


def _sub_folders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def _image_paths(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in found if not path.name.startswith("."))


def _list_images(folder: Path, classes: list[str], *, may_lack: bool = False) -> list[tuple[Path, int]]:
    """Each image with its label, class by class."""
    listed = []
    for label, name in enumerate(classes):
        paths = _image_paths(folder / name)
        if not paths and not may_lack:
            raise UserError(
                f"{folder / name}: a class folder without images",
                f"images end in {', '.join(sorted(SUFFIXES))}",
            )
        listed += [(path, label) for path in paths]
    if not listed:
        raise UserError(f"{folder}: no images", "put the images of each class into a folder named after it")
    return listed


def _set_apart(listed: list[tuple[Path, int]]) -> tuple[list[tuple[Path, int]], list[tuple[Path, int]]]:
    """Training and test part: a fifth of each class, by a fixed seed, is the latter."""
    random = np.random.default_rng(0)
    train: list[tuple[Path, int]] = []
    test: list[tuple[Path, int]] = []
    for label in sorted({label for _, label in listed}):
        of_class = [item for item in listed if item[1] == label]
        shuffled = [of_class[i] for i in random.permutation(len(of_class))]
        count = round(TEST_PART * len(shuffled))
        test += shuffled[:count]
        train += shuffled[count:]
    if not test:
        raise UserError(
            "too few images to set a fifth of each class apart as test images",
            "add images, or train/ and test/ folders",
        )
    return train, test


def _common_channels(paths: list[Path]) -> int:
    return 1 if all(_open(path).mode in ("1", "L") for path in paths) else 3


def _read_all(
    listed: list[tuple[Path, int]], channels: int, size: tuple[int, int] | None
) -> tuple[Array, Array]:
    if not listed:
        raise UserError("the test folder holds no images", "put the test images in test/CLASS/")
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


def read_image(path: Path, channels: int) -> Image.Image:
    """One image with 1, 3 or 4 channels. Raises UserError."""
    mode = {1: "L", 3: "RGB", 4: "RGBA"}.get(channels)
    if mode is None:
        raise UserError(
            f"{path}: images have 1, 3 or 4 channels, never {channels}", "use a .npz file for such data"
        )
    image = _open(path)
    if image.mode == "P":  # palettes with transparency: Pillow warns unless they go through RGBA
        image = image.convert("RGBA")
    return image.convert(mode)


def _open(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                image.load()
    except (
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise UserError(f"{path}: not a readable image ({error})", "mend or remove the file") from None
    if image.mode.split(";")[0] in _DEEP_MODES:
        raise UserError(
            f"{path}: more than 8 bits a channel", "convert it to 8 bits, or store the data as .npz"
        )
    return image
