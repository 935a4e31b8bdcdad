"""From uint8 images to what a network sees: crop, flip, normalise, cutout, for a whole batch at once.

Each image of a batch gets draws of its own, from a generator on the images' device that the caller owns.
The order is DARTS's: crop (padding is black) and flip, then normalisation, then cutout (filled with 0,
which is the mean).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from dartsl.data.images import ImageData
from dartsl.lang.diagnostics import UserError

_CHUNK = 4096  # images whose float64 copies are held at once


def measure(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, over all pixels, in 0 .. 1.

    `images` uint8 (N, H, W, C). A channel of one value gets deviation 1: it is centred, not scaled.
    Whole numbers are summed, so the result is the same on every device.
    """
    total = torch.zeros(images.shape[-1], dtype=torch.int64, device=images.device)
    squares = torch.zeros_like(total)
    for chunk in torch.split(images, _CHUNK):
        pixels = chunk.to(torch.int64)  # (n, H, W, C)
        total += pixels.sum(dim=(0, 1, 2))
        squares += pixels.square().sum(dim=(0, 1, 2))
    count = images[..., 0].numel()
    means = [int(s) / count for s in total]
    variances = [(count * int(q) - int(s) ** 2) / count**2 for s, q in zip(total, squares, strict=True)]
    return tuple(m / 255 for m in means), tuple(v**0.5 / 255 if v > 0 else 1.0 for v in variances)


class Rows(NamedTuple):
    """Which images of a batch of `whole` these are: `numbers` int64. Draws are made for all, and theirs are taken."""

    numbers: Tensor
    whole: int


@dataclass(frozen=True)
class Augment:
    """What is done to images: crop, flip, cutout as in the settings; `mean`, `std` a channel, in 0 .. 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop: int = 0
    flip: bool = False
    cutout: int = 0

    @classmethod
    def of(
        cls,
        data: ImageData,
        *,
        mean: Sequence[float] = (),
        std: Sequence[float] = (),
        crop: int = 0,
        flip: bool = False,
        cutout: int = 0,
    ) -> Augment:
        """With the settings' mean and std where they are given, else those of the training images.

        Raises UserError where they do not have one number a channel (or one for all), or a deviation is 0.
        """
        return cls.measured(
            data.name,
            data.shape[0],
            lambda: data.train_images,
            mean=mean,
            std=std,
            crop=crop,
            flip=flip,
            cutout=cutout,
        )

    @classmethod
    def measured(
        cls,
        name: str,
        channels: int,
        images: Callable[[], Tensor],
        *,
        mean: Sequence[float] = (),
        std: Sequence[float] = (),
        crop: int = 0,
        flip: bool = False,
        cutout: int = 0,
    ) -> Augment:
        """The same for the data set `name`, measured on `images` where that is needed: uint8 (N, H, W, C)."""
        measured = measure(images()) if not (mean and std) else ((), ())
        values = []
        for setting, given, found in (("mean", mean, measured[0]), ("std", std, measured[1])):
            numbers = tuple(given) or found
            if len(numbers) not in (1, channels):
                raise UserError(
                    f"`{setting}` has {len(numbers)} numbers, but {name}'s images have {channels} channels",
                    "give one number per channel, or none: then they are measured",
                )
            values.append(numbers * channels if len(numbers) == 1 else numbers)
        if 0.0 in values[1]:
            raise UserError(
                "`std` holds a 0, by which images cannot be divided", "leave it out: then it is measured"
            )
        return cls(values[0], values[1], crop, flip, cutout)

    def plain(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Normalised only, as for evaluation: uint8 (B, H, W, C) to `dtype` (B, C, H, W)."""
        return normalise(images, self.mean, self.std, dtype)

    def __call__(
        self,
        images: Tensor,
        generator: Generator,
        dtype: torch.dtype = torch.float32,
        rows: Rows | None = None,
    ) -> Tensor:
        """Augmented and normalised: uint8 (B, H, W, C) to `dtype` (B, C, H, W). `rows`: they are part of a batch."""
        if self.crop:
            images = random_crop(images, self.crop, generator, rows)
        if self.flip:
            images = random_flip(images, generator, rows)
        result = normalise(images, self.mean, self.std, dtype)
        return cutout(result, self.cutout, generator, rows) if self.cutout else result


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float], dtype: torch.dtype) -> Tensor:
    """(pixel / 255 - mean) / std: uint8 (B, H, W, C) to (B, C, H, W), contiguous."""
    shift = _of_channels(tuple(mean), dtype, images.device)  # (C, 1, 1)
    scale = _of_channels(tuple(std), dtype, images.device)  # (C, 1, 1)
    planes = images.permute(0, 3, 1, 2).to(dtype, memory_format=torch.contiguous_format)  # (B, C, H, W)
    return (planes / 255 - shift) / scale


@lru_cache(maxsize=16)  # else each batch would wait for a copy to the device
def _of_channels(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=dtype, device=device).view(-1, 1, 1)


def random_crop(images: Tensor, padding: int, generator: Generator, rows: Rows | None = None) -> Tensor:
    """Images padded with zeros, then cut to their old size at a random place. (B, H, W, C), any type."""
    batch, height, width, _ = images.shape
    padded = torch.nn.functional.pad(images, (0, 0, padding, padding, padding, padding))  # (B, H+2p, W+2p, C)
    corner = _whole_numbers(2, batch, 2 * padding + 1, generator, rows)  # (2, B): top and left
    lines = corner[0, :, None] + torch.arange(height, device=images.device)  # (B, H)
    columns = corner[1, :, None] + torch.arange(width, device=images.device)  # (B, W)
    image = torch.arange(batch, device=images.device)[:, None, None]  # (B, 1, 1)
    return padded[image, lines[:, :, None], columns[:, None, :]]  # (B, H, W, C)


def random_flip(images: Tensor, generator: Generator, rows: Rows | None = None) -> Tensor:
    """Each image turned left to right with probability one half. (B, H, W, C), any type."""
    flipped = _whole_numbers(1, len(images), 2, generator, rows).bool().view(-1, 1, 1, 1)  # (B, 1, 1, 1)
    return torch.where(flipped, images.flip(2), images)  # (B, H, W, C)


def cutout(images: Tensor, side: int, generator: Generator, rows: Rows | None = None) -> Tensor:
    """A square of `side` pixels set to 0 in each image (DeVries and Taylor, arXiv 1708.04552). (B, C, H, W).

    Its centre is uniform over the image, and what lies beyond the border is lost. It covers
    centre - side // 2 .. centre - side // 2 + side - 1, which for even sides is DARTS's square.
    """
    batch, _, height, width = images.shape
    top = _whole_numbers(1, batch, height, generator, rows).T - side // 2  # (B, 1)
    left = _whole_numbers(1, batch, width, generator, rows).T - side // 2  # (B, 1)
    lines = torch.arange(height, device=images.device)  # (H,)
    columns = torch.arange(width, device=images.device)  # (W,)
    in_rows = (lines >= top) & (lines < top + side)  # (B, H)
    in_columns = (columns >= left) & (columns < left + side)  # (B, W)
    hidden = in_rows[:, :, None] & in_columns[:, None, :]  # (B, H, W)
    return images.masked_fill(hidden[:, None], 0)  # (B, C, H, W)


def _whole_numbers(each: int, batch: int, below: int, generator: Generator, rows: Rows | None) -> Tensor:
    """Uniform in 0 .. below - 1, `each` for an image: (each, B), on the generator's device."""
    count = batch if rows is None else rows.whole
    drawn = torch.randint(below, (each, count), generator=generator, device=generator.device)
    return drawn if rows is None else drawn[:, rows.numbers.to(drawn.device, non_blocking=True)]
