"""Labelled images as tensors, and what every data set must hold, whatever its format."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dartsl.data.labels import class_numbers, count_classes, renumbering
from dartsl.data.named import wrong_head
from dartsl.lang.codes.diagnostics import UserError

Array = NDArray[Any]
Expected = tuple[int, int, int, int]  # channels, height, width, classes


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set for classification, on one device.

    Images are uint8 of shape (N, H, W, C), labels int64 of shape (N,) in 0 .. classes - 1. Each part holds at least
    one image and all images have one shape. There is a validation part only where the data set brings one of its own.
    `names` are those of the classes, in the order of their numbers; empty where the data set gives none. `notes` are
    what a user should know about how the data set was understood, a sentence each.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: int
    names: tuple[str, ...] = ()
    valid_images: Tensor | None = None
    valid_labels: Tensor | None = None
    notes: tuple[str, ...] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes; their numbers where the data set gives none."""
        return self.names or tuple(str(number) for number in range(self.classes))

    @property
    def has_validation(self) -> bool:
        """Whether there is a validation part of its own."""
        return self.valid_labels is not None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        _, height, width, channels = self.train_images.shape
        return channels, height, width

    @property
    def bytes(self) -> int:
        """What all its images take."""
        parts = (self.train_images, self.test_images, self.valid_images)
        return sum(images.nbytes for images in parts if images is not None)

    def to(self, device: str | torch.device) -> ImageData:
        """The same data with its tensors on `device`."""
        return replace(
            self,
            train_images=self.train_images.to(device),
            train_labels=self.train_labels.to(device),
            test_images=self.test_images.to(device),
            test_labels=self.test_labels.to(device),
            valid_images=None if self.valid_images is None else self.valid_images.to(device),
            valid_labels=None if self.valid_labels is None else self.valid_labels.to(device),
        )


def assemble(
    name: str,
    train: tuple[Array, Array],
    test: tuple[Array, Array],
    *,
    valid: tuple[Array, Array] | None = None,
    classes: int | None = None,
    names: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> ImageData:
    """Check what a reader found and make tensors of it.

    `train`, `test` and `valid` are (images, labels): uint8 (N, H, W, C) or (N, H, W), integers (N,) or (N, 1).
    Without `classes` their number is that of their `names`, or else the largest training label and one.
    Raises UserError.
    """
    parts = {"training": train, "test": test} | ({} if valid is None else {"validation": valid})
    images = {part: _images(name, part, found[0]) for part, found in parts.items()}
    labels = {part: class_numbers(name, part, found[1]) for part, found in parts.items()}
    for part, x in images.items():
        if len(x) != len(labels[part]):
            raise UserError(
                f"{name}: {len(x)} {part} images, but {len(labels[part])} labels",
                "each image needs one label, in the same order",
            )
        if x.shape[1:] != images["training"].shape[1:]:
            raise UserError(
                f"{name}: training images are {_size(images['training'])}, {part} images {_size(x)}",
                "all images of a data set must have one size",
            )
    count, found_notes = count_classes(name, labels, classes or len(names) or None)
    return ImageData(
        name=name,
        train_images=torch.from_numpy(images["training"]),  # (N, H, W, C)
        train_labels=torch.from_numpy(labels["training"]),  # (N,)
        test_images=torch.from_numpy(images["test"]),  # (N, H, W, C)
        test_labels=torch.from_numpy(labels["test"]),  # (N,)
        classes=count,
        names=tuple(names),
        valid_images=None if valid is None else torch.from_numpy(images["validation"]),  # (N, H, W, C)
        valid_labels=None if valid is None else torch.from_numpy(labels["validation"]),  # (N,)
        notes=(*notes, *found_notes),
    )


def data_hash(data: ImageData, *, valid: bool = False) -> str:
    """SHA-256 of the training images and labels, with `valid` of the validation images of their own too: what a run
    must find again to go on."""
    digest = hashlib.sha256()
    of_validation = [part for part in (data.valid_images, data.valid_labels) if valid and part is not None]
    for tensor in (data.train_images, data.train_labels, *of_validation):
        digest.update(str(tuple(tensor.shape)).encode())
        digest.update(tensor.cpu().contiguous().numpy().data)
    return digest.hexdigest()


def check_expected(data: ImageData, expect: Expected, parameter: str | None = None) -> None:
    """Raise UserError unless the data are what a spec's input and head ask for.

    `parameter` is the one of the network that sets its classes, if there is one.
    """
    channels, height, width, classes = expect
    if data.shape != (channels, height, width):
        c, h, w = data.shape
        looks_turned = (h, w, c) == (channels, height, width)
        turn = "; its channels seem to come first, they must be the last axis" if looks_turned else ""
        raise UserError(
            f"{data.name}: images have {c} channels and size {h}x{w}, "
            f"but the spec says `input image({channels}, {height}, {width})`",
            f"write `input image({c}, {h}, {w})` in the network, or name other data by --data{turn}",
        )
    if data.classes != classes:
        raise wrong_head(
            data.name, "classes", data.classes, classes, parameter,
            renumbering(data.train_labels.cpu().numpy(), classes),
        )  # fmt: skip


def _images(name: str, part: str, images: Array) -> Array:
    if images.dtype != np.uint8:
        raise UserError(
            f"{name}: {part} images are {images.dtype}, not uint8",
            "store pixels as whole numbers 0 .. 255; for values in 0 .. 1: (x * 255).round().astype('uint8')",
        )
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4:
        raise UserError(
            f"{name}: {part} images have {images.ndim} axes, shape {images.shape}",
            "shape them (images, height, width, channels), or (images, height, width) when they are grey",
        )
    if 0 in images.shape:
        raise UserError(f"{name}: there are no {part} images (shape {images.shape})", "is the file complete?")
    # A copy where needed: torch wants writable memory without negative strides.
    return np.require(images, requirements=["C", "W"])


def _size(images: Array) -> str:
    _, height, width, channels = images.shape
    return f"{height}x{width} with {channels} channels"
