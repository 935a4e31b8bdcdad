"""Images that a user gives from Python: torch's data sets of (image, label or targets), read as they are needed.

An image is a tensor (C, H, W), either floating, which the network gets as it is, or uint8, which is normalised and
augmented as those of a file are. What a data set draws at random as it is read (a transform's crop) is keyed by the
batch and the image, so that a run goes on bit for bit, on however many processes. They are read in this process.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from dartsl.data.augment import Augment
from dartsl.data.images import Expected
from dartsl.data.targets import MOST, target_names
from dartsl.lang.codes.diagnostics import UserError
from dartsl.nn.draws import stream_seed

# One, or (training, validation), or (training, validation, test).
Data = Dataset[Any] | tuple[Dataset[Any], ...]
Answer = int | list[float]  # the number of a class, or numbers that are to be predicted
NAMES = ("training", "validation", "test")
MEASURED = 10_000  # of the first images, for mean and deviation


@dataclass(frozen=True, eq=False)
class GivenImages:
    """Data sets that fit a network: those that train, validate and test; only the first must be there.

    shape     channels, height, width; channels, length of series; features of vectors
    prepared  whether images are floating, and the network gets them as they are; else uint8
    numbers   whether numbers are to be predicted, `classes` of them, in place of labels
    """

    name: str
    sets: tuple[Dataset[Any] | None, ...]
    shape: tuple[int, ...]
    classes: int
    prepared: bool
    numbers: bool = False

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many images train, validate and test."""
        train, valid, test = (0 if each is None else _length(each) for each in self.sets)
        return train, valid, test

    @property
    def class_names(self) -> tuple[str, ...]:
        if self.numbers:
            return target_names((), self.classes)
        return tuple(map(str, range(self.classes)))

    @property
    def fingerprint(self) -> str:
        """What a run must find again: a name and numbers of images, since nothing more is known of a data set."""
        return f"given: {self.name}, {', '.join(map(str, self.sizes))} images"

    def read(self, part: int, places: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """Images of a part (0 training, 1 validation, 2 test) at `places` (B,), and their labels, int64 (B,), or
        targets, float64 (B, T).

        Floating (B, C, H, W), or uint8 (B, H, W, C). What is random in reading is keyed by `seed` and the place.
        Raises UserError for an image or a label that is not like the others.
        """
        found = self.sets[part]
        assert found is not None
        images, labels = [], []
        with _own_randomness():
            for place in places.tolist():
                _seed(stream_seed(seed, "image", place))
                image, label = self._item(found, NAMES[part], place)
                images.append(image)
                labels.append(label)
        batch = torch.stack(images)  # (B, C, H, W)
        answers = torch.tensor(labels, dtype=torch.float64 if self.numbers else torch.int64)  # (B,) or (B, T)
        return batch if self.prepared else batch.permute(0, 2, 3, 1), answers

    def augment(self, settings: Mapping[str, Any]) -> Augment | Prepared:
        """What is done to images after they are read, by the settings of `Augment`; nothing to floating ones.

        Mean and deviation are measured on the first training images where they are not set. Raises UserError.
        """
        if self.prepared:
            channels = self.shape[0]
            return Prepared((0.0,) * channels, (1.0,) * channels)
        return Augment.measured(self.name, self.shape[0], self.first, **settings)

    def first(self) -> Tensor:
        """The first training images, to be measured: uint8 (N, H, W, C)."""
        return self.read(0, torch.arange(min(self.sizes[0], MEASURED)), 0)[0]

    @cached_property
    def labels(self) -> Tensor:
        """Those of the training images, int64 (N,), or their targets, float64 (N, T): all of them are read."""
        return self.read(0, torch.arange(self.sizes[0]), 0)[1]

    def _item(self, found: Dataset[Any], part: str, place: int) -> tuple[Tensor, Answer]:
        image, label = _pair(found, part, place, self.numbers)
        fits = image.is_floating_point() if self.prepared else image.dtype == torch.uint8
        if tuple(image.shape) != self.shape or not fits:
            raise _unlike(part, place, image, self.shape, self.prepared)
        if isinstance(label, list):
            _require_targets(label, part, place, self.classes)
        elif not 0 <= label < self.classes:
            raise UserError(
                f"the label of {part} image {place} is {label}, and the network has {self.classes} classes",
                f"labels are whole numbers from 0 to {self.classes - 1}",
            )
        return image, label


@dataclass(frozen=True)
class Prepared:
    """Does to floating images (B, C, H, W) nothing but give them the network's type; it is used as `Augment` is.

    mean, std  0 and 1 a channel: nobody here knows how they were normalised
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def plain(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """For evaluation."""
        return images.to(dtype)

    def draw(
        self, count: int, size: tuple[int, ...], generator: torch.Generator, rows: Tensor | None = None
    ) -> Tensor:
        """Nothing: int64 (0, B)."""
        return torch.empty(0, count if rows is None else len(rows), dtype=torch.int64)

    def prepare(self, images: Tensor, drawn: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """To train on."""
        return images.to(dtype)


def given_images(
    name: str,
    sets: Sequence[Dataset[Any]],
    expect: Expected,
    parts: Sequence[str] = NAMES,
    *,
    numbers: bool = False,
) -> GivenImages:
    """The data sets that are given, if they are what a network takes; `parts` are what messages call them. `numbers`
    says that these are to be predicted.

    Raises UserError.
    """
    if not 1 <= len(sets) <= len(NAMES):
        raise UserError("data are one data set, or two or three: (training, validation, test)")
    for each, part in zip(sets, parts, strict=False):
        _require_readable(each, part)
    *sides, classes = expect
    shape = tuple(sides)
    with _own_randomness():
        image, _ = _pair(sets[0], parts[0], 0, numbers)
    prepared = image.is_floating_point()
    if tuple(image.shape) != shape or not (prepared or (image.dtype == torch.uint8 and len(shape) == 3)):
        raise _unlike(parts[0], 0, image, shape, None)
    whole = (*sets, *[None] * (len(NAMES) - len(sets)))
    return GivenImages(name, whole, shape, classes, prepared, numbers)


def _length(found: Dataset[Any]) -> int:
    return len(found)  # type: ignore[arg-type]


def _require_readable(found: object, part: str) -> None:
    if isinstance(found, DataLoader):
        raise UserError(
            f"the {part} data are a DataLoader, whose order dartsl could not take up again",
            "give its data set, `loader.dataset`: the settings `batch` and `seed` say in what batches it is read",
        )
    if isinstance(found, IterableDataset) or not (
        hasattr(found, "__getitem__") and hasattr(found, "__len__")
    ):
        raise UserError(
            f"the {part} data are a {type(found).__name__}, and not a map-style data set",
            "give an object with `len(data)` and `data[i]`, which is (image, label)",
        )
    if len(found) == 0:
        raise UserError(f"the {part} data hold no image")


def _pair(found: Dataset[Any], part: str, place: int, numbers: bool) -> tuple[Tensor, Answer]:
    item = found[place]
    try:
        image, label = item
        # int would round a fraction, and read a text
        answer = _targets(label) if numbers else operator.index(label)
    except (TypeError, ValueError, RuntimeError):
        raise UserError(
            f"item {place} of the {part} data is not (image, {'target' if numbers else 'label'})",
            "an image is a tensor (C, H, W), a target a number or a tensor (T,) of them"
            if numbers
            else 'an image is a tensor (C, H, W), a label a whole number; numbers are predicted with `loss = "mse"`',
        ) from None
    if not isinstance(image, Tensor):
        raise UserError(
            f"{part} image {place} is a {type(image).__name__}, not a tensor",
            "let the data set give tensors (C, H, W): floating and normalised, or uint8",
        )
    return image, answer


def _targets(given: object) -> list[float]:
    """The numbers that are to be predicted of one image: one, or those of a sequence, an array or a tensor (T,)."""
    return list(torch.as_tensor(given, dtype=torch.float64).reshape(-1).tolist())


def _require_targets(targets: Sequence[float], part: str, place: int, count: int) -> None:
    """Raises UserError unless there are `count` numbers that a network can predict."""
    if len(targets) != count:
        raise UserError(
            f"{part} image {place} has {len(targets)} {'target' if len(targets) == 1 else 'targets'}, and the "
            f"network's head gives {count}",
            f"let the head end in `linear({len(targets)})`",
        )
    wrong = next((number for number in targets if not abs(number) <= MOST), None)
    if wrong is not None:
        raise UserError(
            f"the target of {part} image {place} is {wrong}",
            "a target is a finite float32 number; leave its example out where it is not known",
        )


def _unlike(part: str, place: int, image: Tensor, shape: tuple[int, ...], prepared: bool | None) -> UserError:
    kind = {None: "floating or uint8", True: "floating", False: "uint8"}[prepared]
    return UserError(
        f"{part} image {place} is {str(image.dtype).removeprefix('torch.')} {tuple(image.shape)}",
        f"the network takes {kind} images {shape}",
    )


@contextmanager
def _own_randomness() -> Iterator[None]:
    """Leave the generators of Python, NumPy and torch's CPU to the caller as they were."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
