"""A training on a user's own data sets. See `dartsl.training.feed.Feed`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from dartsl.data.augment import measure
from dartsl.data.device import labels_on, moved, one_ahead
from dartsl.data.given import GivenImages, Prepared
from dartsl.data.images import kind_of
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.effects import Found
from dartsl.lang.settings.values import TrainConfig
from dartsl.nn.draws import stream_seed
from dartsl.nn.placing import torch_dtype
from dartsl.run.inputs import ImageInputs
from dartsl.run.parallel import ALONE, Group
from dartsl.step.batches import ImageBatch
from dartsl.training.feed import EVALUATION_BATCH, drawn_for, epoch_order, in_parts, set_apart, taken

TRAIN, VALIDATION, TEST = range(3)


class GivenFeed:
    """Data sets that are read in this process, image by image, as batches need them."""

    notes: tuple[str, ...] = ()

    def __init__(self, data: GivenImages, config: TrainConfig, group: Group = ALONE) -> None:
        """Raises UserError."""
        if config.resized_crop or config.jitter:
            raise UserError(
                "`resized_crop` and `jitter` are for a folder of images that is read as it is needed",
                help="leave them out: the data set that is given can do the like itself",
            )
        self.name = data.name
        self.fingerprint = data.fingerprint
        self._data = data
        self._config = config
        self._group = group
        names = ("mean", "std", "crop", "flip", "cutout")
        self._augment = data.augment({name: getattr(config, name) for name in names})
        mean, std, prepared = self._augment.mean, self._augment.std, isinstance(self._augment, Prepared)
        train, valid, test = data.sizes
        self.found = Found(prepared=prepared, apart=valid > 0)
        self._apart = VALIDATION if valid else TRAIN
        # Whether labels are sorted matters where the last training images are set apart, and there alone.
        labels = torch.zeros(0) if valid or config.final or not config.validation else data.labels
        self._ours, self._theirs = set_apart(train, config, labels, valid or None, kind_of(data.shape))
        self.counts = (len(self._ours), len(self._theirs), test)
        scale = measure(self.labels) if data.numbers and train else ((), ())
        self.inputs = ImageInputs(
            data.shape,
            mean,
            std,
            data.class_names,
            prepared=prepared,
            kind=kind_of(data.shape),
            target_mean=scale[0],
            target_std=scale[1],
        )

    @property
    def labels(self) -> Tensor:
        """Of the images that train, int64 (N,), or targets (N, T): the whole data set is read for them."""
        return self._data.labels[self._ours]

    def train(self, epoch: int, step: int) -> Iterator[list[ImageBatch]]:
        """The batches of an epoch after its first `step`, augmented; on a GPU one is prepared ahead."""
        order = torch.split(epoch_order(self._ours, self._config.seed, epoch), self._config.batch)
        numbered = enumerate(order[step:], start=step)
        return one_ahead(
            self._config.device, (partial(self._batch, epoch, number, whole) for number, whole in numbered)
        )

    def _batch(self, epoch: int, number: int, whole: Tensor) -> list[ImageBatch]:
        config = self._config
        shares, rows = taken(len(whole), config, self._group)
        images, labels = self._read(TRAIN, whole[rows], epoch)
        drawn = drawn_for(self._augment, self._data.shape, config, (epoch, number), rows, len(whole))
        return in_parts(self._augment.prepare(images, drawn, torch_dtype(config.dtype)), labels, shares)

    def validation(self) -> Iterator[ImageBatch]:
        """The validation images."""
        return self._plain(self._apart, self._theirs)

    def test(self) -> Iterator[ImageBatch]:
        """The test images."""
        return self._plain(TEST, torch.arange(self.counts[2]))

    def _plain(self, part: int, places: Tensor) -> Iterator[ImageBatch]:
        for some in torch.split(places, EVALUATION_BATCH) if len(places) else ():
            images, labels = self._read(part, some, -1)
            yield ImageBatch(self._augment.plain(images, torch_dtype(self._config.dtype)), labels)

    def _read(self, part: int, places: Tensor, epoch: int) -> tuple[Tensor, Tensor]:
        """On the device; what is random in reading is keyed by the epoch (-1: of evaluation) and the image."""
        seed = stream_seed(self._config.seed, "given", epoch)
        images, labels = self._data.read(part, places, seed)
        return moved(images, self._config.device), labels_on(labels, self._config.device)
