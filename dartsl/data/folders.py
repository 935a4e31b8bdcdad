"""A folder of images that memory need not hold: listed, and read batch by batch while steps are taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from dartsl.data.images import Expected
from dartsl.data.named import locate, wrong_head
from dartsl.data.readers.layout import Listed, Listing, is_image_folder, listing
from dartsl.data.stream import FolderImages, Reading, batches, listing_hash
from dartsl.lang.codes.diagnostics import UserError

IN_MEMORY = 2 * 1024**3  # bytes of images that are held in memory
SAMPLE = 512  # images on which mean and deviation are measured, where memory does not hold all


@dataclass(frozen=True, eq=False)
class FolderData:
    """A folder of images as it is listed. `shape` is the (channels, height, width) that images are brought to."""

    root: Path
    listed: Listing
    shape: tuple[int, int, int]

    @property
    def name(self) -> str:
        return self.root.resolve().name

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.listed.classes

    @property
    def notes(self) -> tuple[str, ...]:
        return self.listed.notes

    @property
    def has_validation(self) -> bool:
        """Whether there is a validation part of its own."""
        return bool(self.listed.valid)

    @property
    def train_labels(self) -> Tensor:
        """Those of the training images, int64 (N,)."""
        return torch.tensor([label for _, label in self.listed.train])

    @property
    def bytes(self) -> int:
        """What the training images would take in memory."""
        channels, height, width = self.shape
        return len(self.listed.train) * channels * height * width

    def fingerprint(self, *parts: Listed) -> str:
        """SHA-256 of the listing of some parts."""
        return listing_hash(self.root, *parts)


def image_folder(name: str) -> Path | None:
    """The folder of images that a name means; None where it means other data. Raises UserError."""
    path = locate(name)
    return path if path is not None and path.is_dir() and is_image_folder(path) else None


def large_folder(
    name: str, stream: str, expect: Expected, *, must: bool = False, parameter: str | None = None
) -> FolderData | None:
    """The folder of images that a name means, where it is read as it is needed; None: it is to be held in memory.

    `stream` is the setting: auto streams what needs over 2 GiB, or what `must` be. `expect` is (channels, height,
    width, classes) of the network, and `parameter` the one of its parameters that sets the classes, if there is one.
    Raises UserError.
    """
    path = image_folder(name)
    if path is None:
        if stream == "always":
            raise UserError(
                f"`{name}` is not a folder of images, which alone can be read as it is needed",
                help="leave --stream out",
            )
        return None
    if stream == "never":
        return None
    channels, height, width, classes = expect
    found = FolderData(path, listing(path), (channels, height, width))
    if len(found.class_names) != classes:
        raise wrong_head(str(path), "classes", len(found.class_names), classes, parameter)
    return found if stream == "always" or must or found.bytes > IN_MEMORY else None


def sample(images: FolderImages, places: Tensor) -> Tensor:
    """The first `SAMPLE` of some places, as evaluation sees them: uint8 (n, H, W, C). Raises UserError."""
    return next(pixels for pixels, _ in batches(images, -1, [places[:SAMPLE]], 0))


class Ahead:
    """Training images by batches, read by workers before they are asked for.

    What is read ahead is only a guess: where another batch is asked for, the reading starts anew from there. So workers
    never change what a step gets.
    """

    def __init__(self, data: FolderData, workers: int, upcoming: Callable[[], Iterable[Tensor]]) -> None:
        """`upcoming` gives the places, int64 (B,), of the batches that follow the one that is asked for."""
        channels, height, width = data.shape
        self.images = FolderImages(data.listed.train, Reading(channels, (height, width)))
        self._workers = workers
        self._upcoming = upcoming
        self._planned: deque[Tensor] = deque()
        self._read: Iterator[tuple[Tensor, Tensor]] = iter(())

    def take(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Images uint8 (B, H, W, C) and labels (B,) at some places. Raises UserError for a file that cannot be read."""
        if not self._planned or not torch.equal(self._planned[0], places):
            self._planned.clear()
            following = self._upcoming() if self._workers else ()
            self._read = batches(self.images, -1, self._planning(chain([places], following)), self._workers)
        try:
            found = next(self._read)
        except UserError:
            self._planned.clear()  # the reading is over, whoever asks next
            raise
        self._planned.popleft()
        return found

    def _planning(self, order: Iterable[Tensor]) -> Iterator[Tensor]:
        for places in order:
            self._planned.append(places)
            yield places
