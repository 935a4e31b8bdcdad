"""The data that a training's settings name, as a feed: held in memory, or read from a folder as it is needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from dartsl.data import Augment, load, measure
from dartsl.data.detect import EMBEDDED
from dartsl.data.images import data_hash
from dartsl.data.large import require_bounds
from dartsl.data.readers.layout import is_image_folder, listing
from dartsl.data.stream import FolderImages, Reading, batches, listing_hash
from dartsl.lang.diagnostics import UserError
from dartsl.lang.settings import TrainConfig
from dartsl.lang.terms import Plan
from dartsl.nn.draws import stream_seed
from dartsl.nn.supernet import torch_dtype
from dartsl.run.inputs import ImageInputs
from dartsl.run.parallel import ALONE, Group
from dartsl.train.feed import EVALUATION_BATCH, Batch, Feed, MemoryFeed, epoch_order, set_apart, taken

IN_MEMORY = 2 * 1024**3  # bytes of images that are held in memory
SAMPLE = 512  # images on which mean and deviation are measured, where memory does not hold all


def feed_of(plan: Plan, config: TrainConfig, group: Group = ALONE) -> Feed:
    """The images, of the size and classes that the network takes. Raises UserError."""
    require_bounds(config.jitter)
    path = Path(os.path.expanduser(config.data)) if config.data and config.data not in EMBEDDED else None
    if path is not None and config.stream != "never" and path.is_dir() and is_image_folder(path):
        feed = StreamFeed(path, plan, config, group)
        if config.stream == "always" or config.resized_crop or config.jitter or feed.bytes > IN_MEMORY:
            return feed.measured()
    elif config.stream == "always":
        raise UserError(
            f"`{config.data}` is no folder of images, which alone can be read as it is needed",
            help="leave --stream out",
        )
    image = plan.image
    data = load(config.data, expect=(image.channels, image.size[0], image.size[1], plan.classes))
    return MemoryFeed(data, config, data_hash(data), group)


class StreamFeed:
    """A folder of images that is read by worker processes, batch by batch. See `dartsl.train.feed.Feed`."""

    def __init__(self, path: Path, plan: Plan, config: TrainConfig, group: Group = ALONE) -> None:
        """Only lists the files. Raises UserError."""
        found = listing(path)
        train, valid, test, classes = found.train, found.valid, found.test, found.classes
        if len(classes) != plan.classes:
            raise UserError(
                f"{path}: {len(classes)} classes, but the spec's head gives {plan.classes}",
                help=f"let the head end in `linear({len(classes)})`, or name other data by --data",
            )
        height, width = plan.image.size
        if 0 < config.resize < max(height, width):
            raise UserError(f"resize {config.resize} is less than the network's image, {height}x{width}")
        shorter = config.resize or (-(-8 * max(height, width) // 7) if config.resized_crop else 0)
        self.name = path.resolve().name
        self.bytes = len(train) * plan.image.channels * height * width
        self.notes = found.notes
        self.fingerprint = listing_hash(path, train, test, *([valid] if valid else []))
        reading = Reading(
            plan.image.channels, (height, width), config.seed, config.resized_crop, config.jitter, shorter
        )
        self._config = config
        self._group = group
        self._train = FolderImages(train, reading)
        self._valid = FolderImages(valid, reading) if valid else self._train
        self._test = FolderImages(test, reading)
        labels = torch.tensor([label for _, label in train])
        self._ours, self._theirs = set_apart(len(train), config, labels, len(valid) or None)
        self.labels = labels[self._ours]
        self.counts = (len(self._ours), len(self._theirs), len(test))
        self._augment = Augment(
            config.mean, config.std, 0 if config.resized_crop else config.crop, config.flip, config.cutout
        )
        self._channels = plan.image.channels
        shape = (plan.image.channels, height, width)
        self.inputs = ImageInputs(shape, (), (), tuple(classes), shorter)

    def measured(self) -> StreamFeed:
        """Itself, with mean and deviation: the settings', or those of the first images that train (their order is
        random)."""
        mean, std = tuple(self._config.mean), tuple(self._config.std)
        if not (mean and std):
            sample = [images for images, _ in batches(self._train, -1, [self._ours[:SAMPLE]], 0)]
            found = measure(torch.cat(sample))
            mean, std = mean or found[0], std or found[1]
        numbers = [value * self._channels if len(value) == 1 else value for value in (mean, std)]
        if any(len(value) != self._channels for value in numbers) or 0.0 in numbers[1]:
            raise UserError(
                "`mean` and `std` do not fit the images",
                help=f"give {self._channels} numbers each, none of `std` 0, or none",
            )
        self._augment = replace(self._augment, mean=numbers[0], std=numbers[1])
        self.inputs = replace(self.inputs, mean=numbers[0], std=numbers[1])
        return self

    def train(self, epoch: int, step: int) -> Iterator[Batch]:
        """The batches of an epoch behind its first `step`, augmented."""
        config = self._config
        order = torch.split(epoch_order(self._ours, config.seed, epoch), config.batch)[step:]
        parts = [taken(len(whole), config, self._group) for whole in order]
        own = [whole[rows.numbers] for whole, (_, rows) in zip(order, parts, strict=True)]
        generator = torch.Generator(config.device)
        for number, (images, labels) in enumerate(
            batches(self._train, epoch, own, config.workers), start=step
        ):
            generator.manual_seed(stream_seed(config.seed, "augmentation", epoch, number))
            shares, rows = parts[number - step]
            moved = images.to(config.device, non_blocking=True)
            seen = self._augment(moved, generator, torch_dtype(config.dtype), rows)
            yield Batch(seen, labels.to(config.device), shares)

    def watched(self) -> Iterator[Batch]:
        """The validation images."""
        return self._plain(self._valid, self._theirs)

    def test(self) -> Iterator[Batch]:
        """The test images."""
        return self._plain(self._test, torch.arange(len(self._test)))

    def _plain(self, images: FolderImages, places: Tensor) -> Iterator[Batch]:
        if not len(places):
            return
        order = torch.split(places, EVALUATION_BATCH)
        for pixels, labels in batches(images, -1, order, self._config.workers):
            plain = self._augment.plain(pixels.to(self._config.device), torch_dtype(self._config.dtype))
            yield Batch(plain, labels.to(self._config.device))
