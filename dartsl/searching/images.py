"""Where a search's images come from: memory, or a folder that is read as it is needed, which give the same numbers; or
a user's own data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from dartsl.data import Augment, ImageData, load
from dartsl.data.augment import measure
from dartsl.data.device import home, labels_on, moved, picked
from dartsl.data.folders import Ahead, FolderData, large_folder, sample
from dartsl.data.given import GivenImages, Prepared, given_images
from dartsl.data.images import IMAGE, kind_of
from dartsl.data.targets import Wanted
from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.values import SearchConfig
from dartsl.run.given import NOTHING, Given, sets_of
from dartsl.run.inputs import ImageInputs

Images = ImageData | FolderData | GivenImages


def images_of(plan: Plan, config: SearchConfig, given: Given = NOTHING) -> Images:
    """The data that are given, or that the settings name, of the size and classes that the network takes.

    Raises UserError.
    """
    expect = (*plan.input.shape.outer, plan.classes)
    wanted = Wanted.of(config)
    if given.data is not None:
        return given_images(given.names()["data"], sets_of(given.data), expect, numbers=wanted.numbers)
    parameter = plan.network.outputs_parameter
    large = None
    if plan.input.kind == IMAGE.several and not wanted.numbers:
        large = large_folder(config.data, config.stream, expect, parameter=parameter)
    return large or load(
        config.data, expect=expect, parameter=parameter, sizes=plan.network.sizes_parameters, wanted=wanted
    )


def inputs_of(data: Images, augment: Augment | Prepared) -> ImageInputs:
    """What the network takes and gives, for `run.json`."""
    scale: tuple[tuple[float, ...], tuple[float, ...]] = (), ()
    if not isinstance(data, FolderData) and data.numbers:
        scale = measure(data.labels if isinstance(data, GivenImages) else data.train_labels)
    prepared, floats = isinstance(augment, Prepared), isinstance(data, ImageData) and data.floats
    return ImageInputs(
        data.shape,
        augment.mean,
        augment.std,
        data.class_names,
        kind=kind_of(data.shape),
        prepared=prepared,
        floats=floats,
        columns=data.columns if isinstance(data, ImageData) else (),
        target_mean=scale[0],
        target_std=scale[1],
    )


class InMemory:
    """Training images that lie on the device as they are stored; on the CPU where a GPU has too little memory for them.

    size    height and width
    seeded  whether something is drawn as an image is read
    """

    seeded = False

    def __init__(self, data: ImageData, config: SearchConfig) -> None:
        """Raises UserError for a mean or deviation that does not fit the images."""
        self.augment = Augment.of(data, **_augmentation(config))
        self._device = config.device
        self.size = data.shape[1:]
        there = home(data.train_images.nbytes, config.device)
        self._images, self._labels = data.train_images.to(there), labels_on(data.train_labels, there)

    def take(self, places: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """Images (B, H, W, C) and labels (B,) at places among the training images, int64 (B,), on the device.

        `seed` is of what is drawn as they are read: here nothing is.
        """
        return picked(self._images, places, self._device), picked(self._labels, places, self._device)


class Streamed:
    """Training images that worker processes read, those of the next steps while a step is taken."""

    seeded = False

    def __init__(
        self, data: FolderData, config: SearchConfig, upcoming: Callable[[], Iterable[Tensor]]
    ) -> None:
        """Mean and deviation are the settings', or those of the first images (their order is random). `upcoming` gives
        the places of the batches that follow the one that is taken.

        Raises UserError for a mean or deviation that does not fit the images, and for a file that cannot be read.
        """
        self.size = data.shape[1:]
        self._ahead = Ahead(data, config.workers, upcoming)
        self._device = config.device
        self.augment = Augment.measured(
            data.name,
            data.shape[0],
            lambda: sample(self._ahead.images, torch.arange(len(self._ahead.images))),
            **_augmentation(config),
        )

    def take(self, places: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """As from memory. Raises UserError."""
        images, labels = self._ahead.take(places)
        return moved(images, self._device), moved(labels, self._device)


class AsGiven:
    """A user's own training images and, after them, those of its validation part, read as they are needed."""

    seeded = True

    def __init__(self, data: GivenImages, config: SearchConfig) -> None:
        """Raises UserError."""
        self._data = data
        self._device = config.device
        self.size = data.shape[1:]
        self.augment = data.augment(_augmentation(config))

    def take(self, places: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """As from memory; floating images are (B, C, H, W). Raises UserError."""
        first = self._data.sizes[0]
        part = int(places[0] >= first)
        images, labels = self._data.read(part, places - part * first, seed)
        return moved(images, self._device), moved(labels, self._device)


def _augmentation(config: SearchConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in ("mean", "std", "crop", "flip", "cutout")}
