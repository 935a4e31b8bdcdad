"""Images without labels, from files, folders, .npz files and arrays, as a trained network takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dartsl.data.images import IMAGE, Array, require_finite
from dartsl.data.readers import table
from dartsl.data.readers.image_file import SUFFIXES
from dartsl.data.readers.layout import images_below
from dartsl.data.readers.npz import read_array
from dartsl.data.stream import FolderImages, Reading, batches
from dartsl.lang.codes.diagnostics import UserError
from dartsl.run.inputs import ImageInputs

BATCH = 256
PACKED = (".npz", ".csv")  # files that hold several
KEYS = ("x_test", "x")  # the array of an .npz file that holds the images


class Pictures(NamedTuple):
    """Images uint8 or float32 (B, H, W, C), and what each is called."""

    names: Sequence[str]
    images: Tensor


def pictures_in(places: Sequence[Path], inputs: ImageInputs) -> Iterator[Pictures]:
    """The images of files, of folders (and the folders in them) and of .npz files, in batches, in order.

    Each is resized and cropped as evaluation does it. Raises UserError that names the file, for a place that is not
    there before anything is read.
    """
    listed = [item for place in places for item in _listed(place, inputs)]
    if inputs.floats and (files := [path for path in listed if path.suffix.lower() not in PACKED]):
        tables = ", or a .csv file" if inputs.columns else ""
        raise UserError(
            f"{files[0]}: the network was trained on float32 {inputs.kind}, and this file holds none",
            help=f"give an .npz file with an array {' or '.join(KEYS)}, of {inputs.kind} like those that trained it"
            + tables,
        )
    for packed, group in groupby(listed, key=lambda path: path.suffix.lower() in PACKED):
        if packed:
            for path in group:
                yield from pictures_of(_stored(path, inputs), inputs, str(path))
        else:
            yield from _of_files(list(group), inputs)


def _of_files(paths: Sequence[Path], inputs: ImageInputs) -> Iterator[Pictures]:
    channels, height, width = inputs.shape
    reading = Reading(channels, (height, width), shorter=inputs.resize)
    images = FolderImages([(path, 0) for path in paths], reading)
    order = torch.split(torch.arange(len(paths)), BATCH)
    for places, (pixels, _) in zip(order, batches(images, -1, order, 0), strict=True):
        yield Pictures([str(paths[place]) for place in places.tolist()], pixels)


def _stored(path: Path, inputs: ImageInputs) -> Array:
    """The examples in an .npz file, or those that the rows of a table are. Raises UserError."""
    if path.suffix.lower() == ".npz":
        return read_array(path, KEYS)
    if not inputs.columns:
        raise UserError(f"{path}: a table, and the network was not trained on one", "give an .npz file")
    return table.encoded(table.read_table(path), inputs.columns)


def pictures_of(images: Array | Tensor, inputs: ImageInputs, name: str = "") -> Iterator[Pictures]:
    """The images of an array, (N, H, W, C) or (N, H, W) of one channel, of the type of those that trained, in batches;
    or series (N, L, C), or vectors (N, F).

    Raises UserError.
    """
    name = name or inputs.kind
    channels, *sides = inputs.shape
    shape, size = tuple(images.shape), (*sides, channels)
    kind = str(images.dtype).removeprefix("torch.")
    wanted = "float32" if inputs.floats else "uint8"
    flat = channels == 1 and bool(sides) and shape[1:] == size[:-1]
    if kind != wanted or (shape[1:] != size and not flat):
        raise UserError(
            f"{name}: {kind} of shape {shape}, not {wanted} {inputs.kind} (N, {', '.join(map(str, size))})",
            help="they are what the network was trained on, channels the last axis; arrays are not resized"
            if inputs.floats
            else "pixels are whole numbers 0 .. 255, channels the last axis; image files are resized, arrays are not",
        )
    if inputs.floats:
        require_finite(f"{name}: example", np.asarray(images.cpu() if isinstance(images, Tensor) else images))
    pixels = images.cpu() if isinstance(images, Tensor) else torch.from_numpy(np.ascontiguousarray(images))
    found = pixels.reshape(-1, *size)  # (N, H, W, C)
    for start in range(0, len(found), BATCH):
        part = found[start : start + BATCH]
        yield Pictures([f"{name}[{start + place}]" for place in range(len(part))], part)


def _listed(place: Path, inputs: ImageInputs) -> list[Path]:
    """The files that a place stands for. Raises UserError where there are none."""
    try:
        if place.is_dir() and inputs.kind != IMAGE.several:
            packed = " or .csv" if inputs.columns else ""
            raise UserError(
                f"{place}: a folder, and the network takes {inputs.kind}", f"name .npz{packed} files"
            )
        if place.is_dir():
            inside = sorted(images_below(place))
            if not inside:
                raise UserError(f"{place}: no images", f"images end in {', '.join(sorted(SUFFIXES))}")
            return inside
        if place.is_file():
            return [place]
    except OSError as error:  # not allowed, or a name too long
        raise UserError(f"{place}: cannot be read ({error})", "check the path and its permissions") from None
    raise UserError(f"{place}: no such file or folder")
