"""A folder of images that is read as it is needed, by worker processes: one that memory need not hold."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dartsl.data.large import centre_crop, jitter, random_resized_crop
from dartsl.data.readers.image_file import read_image
from dartsl.lang.codes.diagnostics import UserError
from dartsl.nn.draws import stream_seed

Item = tuple[Tensor, int] | UserError
Key = tuple[int, int]  # epoch and place in the listing; epoch -1: as evaluation sees it


@dataclass(frozen=True)
class Reading:
    """What is done to each image. `size` is (height, width), `shorter` the side before evaluation's centre crop; where
    that is 0 and there is no `resized_crop`, images are resized to `size` as they are."""

    channels: int
    size: tuple[int, int]
    seed: int = 0
    resized_crop: bool = False
    jitter: tuple[float, ...] = ()
    shorter: int = 0


class FolderImages(Dataset[Item]):
    """The images of a listing, by (epoch, place): uint8 (H, W, C) and the label. Everything random is keyed by seed,
    epoch and place, so that workers do not matter. A file that cannot be read is given as its UserError."""

    def __init__(self, listed: Sequence[tuple[Path, int]], reading: Reading) -> None:
        self._listed = listed
        self._reading = reading

    def __len__(self) -> int:
        return len(self._listed)

    def __getitem__(self, key: Key) -> Item:
        epoch, place = key
        path, label = self._listed[place]
        try:
            image = read_image(path, self._reading.channels)
        except UserError as error:
            return error
        random = Random(stream_seed(self._reading.seed, "large images", epoch, place))
        image = self._placed(image, random) if epoch >= 0 else self._plain(image)
        array = np.array(image, dtype=np.uint8)  # a copy: torch wants writable memory
        return torch.from_numpy(array if array.ndim == 3 else array[..., None]), label

    def _placed(self, image: Image.Image, random: Random) -> Image.Image:
        reading = self._reading
        whole = not reading.resized_crop
        image = self._plain(image) if whole else random_resized_crop(image, reading.size, random)
        return jitter(image, reading.jitter, random) if reading.jitter else image

    def _plain(self, image: Image.Image) -> Image.Image:
        height, width = self._reading.size
        if self._reading.shorter:
            return centre_crop(image, (height, width), self._reading.shorter)
        return image.resize((width, height), Image.Resampling.BILINEAR)


def batches(
    images: FolderImages, epoch: int, order: Iterable[Tensor], workers: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of places read by `workers` processes (0: by this one): uint8 (B, H, W, C), labels (B,).

    They come in order, whatever the workers do; `order` is asked for few beyond the one that is given. Raises UserError
    for a file that cannot be read.
    """
    keys = ([(epoch, int(place)) for place in places] for places in order)
    loader = DataLoader(
        images,
        batch_sampler=keys,
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=_leave_ctrl_c,
        generator=torch.Generator().manual_seed(0),  # else it draws from torch's own
    )
    for given in loader:
        if isinstance(given, UserError):
            raise given
        yield given


def _collate(items: list[Item]) -> tuple[Tensor, Tensor] | UserError:
    good: list[tuple[Tensor, int]] = []
    for item in items:
        if isinstance(item, UserError):
            return item
        good.append(item)
    return torch.stack([image for image, _ in good]), torch.tensor([label for _, label in good])


def _leave_ctrl_c(_worker: int) -> None:
    """Ctrl-C reaches the whole process group; the main process ends its workers when it has saved."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def listing_hash(root: Path, *parts: Sequence[tuple[Path, int]]) -> str:
    """SHA-256 of paths below `root`, file sizes and labels: reading all images would take too long."""
    digest = hashlib.sha256()
    for part in parts:
        for path, label in part:
            line = f"{path.relative_to(root)}\0{path.stat().st_size}\0{label}\n"
            digest.update(line.encode(errors="surrogateescape"))  # a name need not be UTF-8
        digest.update(b"\0")
    return digest.hexdigest()
