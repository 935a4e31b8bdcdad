"""The data that a training's settings name, as a feed: held in memory, or read from a folder as it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from dartsl.data import Augment, load
from dartsl.data.device import moved, one_ahead
from dartsl.data.folders import FolderData, large_folder, sample
from dartsl.data.given import given_images
from dartsl.data.images import IMAGE, data_hash
from dartsl.data.large import require_bounds
from dartsl.data.stream import FolderImages, Reading, batches
from dartsl.data.targets import Wanted
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.effects import Found
from dartsl.lang.settings.values import TrainConfig
from dartsl.nn.placing import torch_dtype
from dartsl.run.given import NOTHING, Given, sets_of
from dartsl.run.inputs import ImageInputs
from dartsl.run.parallel import ALONE, Group
from dartsl.step.batches import ImageBatch
from dartsl.training.feed import (
    EVALUATION_BATCH,
    Feed,
    MemoryFeed,
    drawn_for,
    epoch_order,
    in_parts,
    set_apart,
    taken,
)
from dartsl.training.given import GivenFeed


def feed_of(plan: Plan, config: TrainConfig, group: Group = ALONE, given: Given = NOTHING) -> Feed:
    """The images, given or named by the settings, of the size and classes that the network takes. Raises UserError."""
    require_bounds(config.jitter)
    expect = (*plan.input.shape.outer, plan.classes)
    wanted = Wanted.of(config)
    if given.data is not None:
        found = given_images(given.names()["data"], sets_of(given.data), expect, numbers=wanted.numbers)
        return GivenFeed(found, config, group)
    parameter = plan.network.outputs_parameter
    must = config.resized_crop or bool(config.jitter)
    large = None
    if plan.input.kind == IMAGE.several and not wanted.numbers:
        large = large_folder(config.data, config.stream, expect, must=must, parameter=parameter)
    if large is not None:
        return StreamFeed(large, config, group)
    data = load(
        config.data, expect=expect, parameter=parameter, sizes=plan.network.sizes_parameters, wanted=wanted
    )
    return MemoryFeed(data, config, data_hash(data, valid=True), group)


class StreamFeed:
    """A folder of images that is read by worker processes, batch by batch. See `dartsl.training.feed.Feed`."""

    def __init__(self, data: FolderData, config: TrainConfig, group: Group = ALONE) -> None:
        """Mean and deviation are the settings', or those of the first images that train (their order is random).

        Raises UserError.
        """
        train, valid, test = data.listed.train, data.listed.valid, data.listed.test
        channels, height, width = data.shape
        if 0 < config.resize < max(height, width):
            raise UserError(f"resize {config.resize} is less than the network's image, {height}x{width}")
        shorter = config.resize or (-(-8 * max(height, width) // 7) if config.resized_crop else 0)
        self.name = data.name
        self.notes = data.listed.notes
        self.found = Found(folder=True, streamed=True, apart=bool(valid))
        self.fingerprint = data.fingerprint(train, test, *([valid] if valid else []))
        reading = Reading(channels, (height, width), config.seed, config.resized_crop, config.jitter, shorter)
        self._shape = data.shape
        self._config = config
        self._group = group
        self._train = FolderImages(train, reading)
        self._valid = FolderImages(valid, reading) if valid else self._train
        self._test = FolderImages(test, reading)
        labels = data.train_labels
        self._ours, self._theirs = set_apart(len(train), config, labels, len(valid) or None)
        self.labels = labels[self._ours]
        self.counts = (len(self._ours), len(self._theirs), len(test))
        self._augment = Augment.measured(
            data.name,
            channels,
            lambda: sample(self._train, self._ours),
            mean=config.mean,
            std=config.std,
            crop=0 if config.resized_crop else config.crop,
            flip=config.flip,
            cutout=config.cutout,
        )
        self.inputs = ImageInputs(
            data.shape, self._augment.mean, self._augment.std, data.class_names, shorter
        )

    def train(self, epoch: int, step: int) -> Iterator[list[ImageBatch]]:
        """The batches of an epoch after its first `step`, augmented; on a GPU one is prepared ahead."""
        config = self._config
        order = torch.split(epoch_order(self._ours, config.seed, epoch), config.batch)[step:]
        parts = [taken(len(whole), config, self._group) for whole in order]
        own = [whole[rows] for whole, (_, rows) in zip(order, parts, strict=True)]

        def batch(number: int, images: Tensor, labels: Tensor) -> list[ImageBatch]:
            (shares, rows), place = parts[number], (epoch, step + number)
            drawn = drawn_for(self._augment, self._shape, config, place, rows, len(order[number]))
            dtype, device = torch_dtype(config.dtype), config.device
            seen = self._augment.prepare(moved(images, device), drawn, dtype)
            return in_parts(seen, moved(labels, device), shares)

        read = batches(self._train, epoch, own, config.workers)
        return one_ahead(config.device, (partial(batch, number, *each) for number, each in enumerate(read)))

    def validation(self) -> Iterator[ImageBatch]:
        """The validation images."""
        return self._plain(self._valid, self._theirs)

    def test(self) -> Iterator[ImageBatch]:
        """The test images."""
        return self._plain(self._test, torch.arange(len(self._test)))

    def _plain(self, images: FolderImages, places: Tensor) -> Iterator[ImageBatch]:
        if not len(places):
            return
        order = torch.split(places, EVALUATION_BATCH)
        for pixels, labels in batches(images, -1, order, self._config.workers):
            plain = self._augment.plain(moved(pixels, self._config.device), torch_dtype(self._config.dtype))
            yield ImageBatch(plain, moved(labels, self._config.device))
