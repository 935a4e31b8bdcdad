"""Where batches come from: the images of a data set in memory, in an order keyed by seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Protocol

import torch
from torch import Tensor

from dartsl.data import Augment, ImageData
from dartsl.data.augment import measure
from dartsl.data.batches import is_sorted
from dartsl.data.device import home, moved, one_ahead, picked
from dartsl.data.folders import image_folder
from dartsl.data.given import Prepared
from dartsl.data.images import IMAGE
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.effects import Found
from dartsl.lang.settings.values import TrainConfig
from dartsl.nn.draws import stream_seed
from dartsl.nn.placing import torch_dtype
from dartsl.nn.share import Share
from dartsl.run.inputs import ImageInputs
from dartsl.run.parallel import ALONE, Group
from dartsl.step.batches import ImageBatch

EVALUATION_BATCH = 256


class Feed(Protocol):
    """What a training needs of its data. Everything random is keyed by seed, epoch and step, so that nothing of it
    needs to be saved.

    name, fingerprint   of the data set; `fingerprint` is what a run must find again
    counts              training images, those of the validation part, test images
    inputs              how the images become what the network takes
    notes               what a user should know about how the data set was understood
    found               what it turned out to be, by which it is judged what settings do
    """

    name: str
    fingerprint: str
    inputs: ImageInputs
    notes: tuple[str, ...]
    found: Found
    counts: tuple[int, int, int]

    @property
    def labels(self) -> Tensor:
        """Of the images that train, int64 (N,)."""
        ...

    def train(self, epoch: int, step: int) -> Iterator[list[ImageBatch]]:
        """The batches of an epoch (from 0) after its first `step`, each in the parts in which it is computed; of
        several processes, this one's part of them."""

    def validation(self) -> Iterator[ImageBatch]:
        """The validation images, in order, as they are."""

    def test(self) -> Iterator[ImageBatch]:
        """The test images, in order, as they are."""


def set_apart(
    count: int, config: TrainConfig, labels: Tensor, valid: int | None = None, several: str = "images"
) -> tuple[Tensor, Tensor]:
    """Indices of the images that train, and of those of the validation part; `several` is what they are called.

    The latter are the last part of the training images or, of a data set with a validation part of its own, of
    `valid` images, that part. Raises UserError.
    """
    if config.final or config.validation == 0:
        return torch.arange(count), torch.arange(0)
    if valid is not None:
        return torch.arange(count), torch.arange(valid)
    first = count - int(config.validation * count)
    if not 0 < first < count:
        lacking = "train on" if first == 0 else "validate on"
        raise UserError(
            f"{count} training {several} with validation {config.validation:g} leave none to {lacking}",
            help="another --validation, or --final, which trains on all of them",
        )
    if len(labels) and is_sorted(labels):
        what = ("target", "targets") if labels.is_floating_point() else ("class", "classes")
        raise UserError(
            f"the training {several} are sorted by {what[0]}, so the validation part would be of other {what[1]}",
            f"shuffle {several} and labels together, once, and store them in that order",
        )
    return torch.arange(first), torch.arange(first, count)


def epoch_order(indices: Tensor, seed: int, epoch: int) -> Tensor:
    """The order of an epoch, drawn on the CPU: a seed means the same on every device."""
    generator = torch.Generator().manual_seed(stream_seed(seed, "training order", epoch))
    return indices[torch.randperm(len(indices), generator=generator)]


def taken(count: int, config: TrainConfig, group: Group) -> tuple[list[Share], Tensor]:
    """What this process takes of a batch of `count` images: a share of each part, and all their rows, int64 (B,)."""
    shares = group.shares(count, config.accumulate)
    starts = accumulate((share.whole for share in shares), initial=0)
    index = [start + share.index for start, share in zip(starts, shares, strict=False)]
    return shares, torch.cat(index)


def in_parts(images: Tensor, labels: Tensor, shares: Sequence[Share]) -> list[ImageBatch]:
    """A batch in the parts in which it is computed, `shares[i].size` images each."""
    sizes = [share.size for share in shares]
    split = zip(torch.split(images, sizes), torch.split(labels, sizes), shares, strict=True)
    return [ImageBatch(*part) for part in split]


def drawn_for(
    augment: Augment | Prepared,
    shape: tuple[int, ...],
    config: TrainConfig,
    place: tuple[int, int],
    rows: Tensor,
    whole: int,
) -> Tensor:
    """What is random for some `rows` of a batch of `whole` images, at its `place` (epoch, number): int64 (K, B)."""
    generator = torch.Generator().manual_seed(stream_seed(config.seed, "augmentation", *place))
    return moved(augment.draw(whole, shape[1:], generator, rows), config.device)


class MemoryFeed:
    """A data set that lies on the device as it is stored; on the CPU where a GPU has too little memory for it."""

    def __init__(self, data: ImageData, config: TrainConfig, fingerprint: str, group: Group = ALONE) -> None:
        """Raises UserError for settings that do not go with the data."""
        if config.resized_crop or config.jitter:
            name = "resized_crop" if config.resized_crop else "jitter"
            raise UserError(
                f"`{name}` needs a folder of images that is read as it is needed, and {data.name} is not",
                help="leave it out, or name such a folder, with --stream always",
            )
        self.name = data.name
        self.fingerprint = fingerprint
        self._config = config
        self._group = group
        own = None if data.valid_labels is None else len(data.valid_labels)
        self._ours, self._theirs = set_apart(
            len(data.train_labels), config, data.train_labels, own, data.form.several
        )
        # Images are measured as darts 1 measured them: those that validate, too.
        seen = data.train_images if data.form is IMAGE else data.train_images[self._ours]
        self._augment = Augment.measured(
            data.name,
            data.shape[0],
            lambda: seen,
            mean=config.mean,
            std=config.std,
            crop=config.crop,
            flip=config.flip,
            cutout=config.cutout,
        )
        scale = measure(data.train_labels[self._ours]) if data.numbers else ((), ())
        # `resize` is for a streamed folder alone: in memory images are resized to the network's size as they are.
        self.inputs = ImageInputs(
            data.shape,
            self._augment.mean,
            self._augment.std,
            data.class_names,
            kind=data.form.several,
            floats=data.floats,
            columns=data.columns,
            target_mean=scale[0],
            target_std=scale[1],
        )
        self.notes = data.notes
        folder = bool(config.data) and data.form is IMAGE and image_folder(config.data) is not None
        self.found = Found(folder, apart=data.has_validation)
        self._data = data.to(home(data.bytes, config.device))
        self.labels = data.train_labels[self._ours]
        self.counts = (len(self._ours), len(self._theirs), len(data.test_labels))

    def train(self, epoch: int, step: int) -> Iterator[list[ImageBatch]]:
        """The batches of an epoch after its first `step`, augmented; on a GPU one is prepared ahead."""
        order = torch.split(epoch_order(self._ours, self._config.seed, epoch), self._config.batch)
        numbered = enumerate(order[step:], start=step)
        return one_ahead(
            self._config.device, (partial(self._batch, epoch, number, whole) for number, whole in numbered)
        )

    def _batch(self, epoch: int, number: int, whole: Tensor) -> list[ImageBatch]:
        config, data = self._config, self._data
        shares, rows = taken(len(whole), config, self._group)
        images, labels = (
            picked(values, whole[rows], config.device) for values in (data.train_images, data.train_labels)
        )
        drawn = drawn_for(self._augment, data.shape, config, (epoch, number), rows, len(whole))
        return in_parts(self._augment.prepare(images, drawn, torch_dtype(config.dtype)), labels, shares)

    def validation(self) -> Iterator[ImageBatch]:
        """The validation images."""
        data = self._data
        images, labels = data.train_images, data.train_labels
        if data.valid_images is not None and data.valid_labels is not None:
            images, labels = data.valid_images, data.valid_labels
        places = self._theirs.to(images.device)
        return self._plain(images[places], labels[places])

    def test(self) -> Iterator[ImageBatch]:
        """The test images."""
        return self._plain(self._data.test_images, self._data.test_labels)

    def _plain(self, images: Tensor, labels: Tensor) -> Iterator[ImageBatch]:
        dtype = torch_dtype(self._config.dtype)
        if not len(labels):  # of which torch makes a batch without an image
            return
        for part, answers in zip(
            torch.split(images, EVALUATION_BATCH), torch.split(labels, EVALUATION_BATCH), strict=True
        ):
            device = self._config.device
            yield ImageBatch(self._augment.plain(moved(part, device), dtype), moved(answers, device))
