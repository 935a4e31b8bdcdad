"""From stored images to what a network sees: crop, flip, normalise, cutout, for a whole batch at once.

uint8 images are normalised in 0 .. 1; floating images, series and vectors, whose channels (or features) are the last
axis too, as they are.

Each image of a batch gets draws of its own, from a generator that the caller owns. It lies on the CPU, whatever the
images' device, so that a seed means the same everywhere: a few whole numbers per image are drawn, and all else is done
on the device. The order is DARTS's: crop (padding is black) and flip, then normalisation, then cutout (filled with 0,
which is the mean).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Generator, Tensor

from dartsl.data.device import moved
from dartsl.data.images import ImageData
from dartsl.lang.codes.diagnostics import UserError

_CHUNK = 4096  # images whose float64 copies are held at once
_ROWS = 1 << 20  # rows of numbers whose float64 copies are held at once


def measure(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, over all pixels: of uint8 (N, H, W, C) in 0 .. 1; of floating
    examples (N, ..., C) of their numbers, in float64 on the CPU.

    A channel of one value gets deviation 1: it is centred, not scaled. Whole numbers are summed, so the result is the
    same on every device.
    """
    if images.is_floating_point():
        return _measured(images)
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


def _measured(values: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The same of floating examples (N, ..., C), by two passes over them."""
    rows = values.cpu().reshape(-1, values.shape[-1])  # (M, C)
    mean = _total(rows, torch.zeros(rows.shape[1], dtype=torch.float64)) / len(rows)  # (C,)
    variance = _total(rows, mean, power=2) / len(rows)  # (C,)
    alike = (rows == rows[0]).all(dim=0)  # (C,): of one value, whose mean may be rounded
    return tuple(mean.tolist()), tuple(torch.where(alike, 1.0, variance.sqrt()).tolist())


def _total(rows: Tensor, centre: Tensor, power: int = 1) -> Tensor:
    """The sum over rows (M, C) of (row - centre) ** power, float64 (C,)."""
    return torch.stack([(c.double() - centre).pow(power).sum(dim=0) for c in torch.split(rows, _ROWS)]).sum(
        dim=0
    )


@dataclass(frozen=True)
class Augment:
    """What is done to images: crop, flip, cutout as in the settings; `mean`, `std` a channel, in 0 .. 1 of uint8."""

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
        """The same for the data set `name`, measured on `images` where that is needed: (N, ..., C)."""
        measured = measure(images()) if not (mean and std) else ((), ())
        values = []
        for setting, given, found in (("mean", mean, measured[0]), ("std", std, measured[1])):
            numbers = tuple(given) or found
            if len(numbers) not in (1, channels):
                raise UserError(
                    f"`{setting}` has {len(numbers)} numbers, but {name} has {channels} channels",
                    "give one number per channel, or none: then they are measured",
                )
            values.append(numbers * channels if len(numbers) == 1 else numbers)
        if 0.0 in values[1]:
            raise UserError(
                "`std` holds a 0, by which images cannot be divided", "leave it out: then it is measured"
            )
        return cls(values[0], values[1], crop, flip, cutout)

    def plain(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Normalised only, as for evaluation: (B, H, W, C) to `dtype` (B, C, H, W)."""
        return normalise(images, self.mean, self.std, dtype)

    def draw(
        self, count: int, size: tuple[int, ...], generator: Generator, rows: Tensor | None = None
    ) -> Tensor:
        """What is random for `count` images of a `size` (height, width): int64 (K, B), K numbers per image, on the CPU.

        They are the corner of the crop, top and left; whether the image is flipped; the centre of the cutout, top and
        left; as far as these are done. `rows`, int64 (B,), are the images that are wanted, else all: a process that
        takes a part of a batch draws for all of it. Nothing is random for series and vectors.
        """
        limits = [(2, 2 * self.crop + 1)] * bool(self.crop) + [(1, 2)] * self.flip
        limits += [(1, side) for side in size] * bool(self.cutout)
        drawn = [torch.randint(below, (each, count), generator=generator) for each, below in limits]
        numbers = torch.cat(drawn) if drawn else torch.empty(0, count, dtype=torch.int64)
        return numbers if rows is None else numbers[:, rows]

    def prepare(self, images: Tensor, drawn: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Augmented as `draw` says, and normalised: (B, H, W, C), int64 (K, B) to `dtype` (B, C, H, W)."""
        numbers = iter(drawn)  # K times (B,)
        if self.crop:
            images = crop(images, self.crop, next(numbers), next(numbers))
        if self.flip:
            images = flip(images, next(numbers))
        result = normalise(images, self.mean, self.std, dtype)
        return cutout(result, self.cutout, next(numbers), next(numbers)) if self.cutout else result

    def __call__(self, images: Tensor, generator: Generator, dtype: torch.dtype = torch.float32) -> Tensor:
        """Both: (B, H, W, C) to `dtype` (B, C, H, W)."""
        batch, *size, _ = images.shape
        return self.prepare(images, moved(self.draw(batch, tuple(size), generator), images.device), dtype)


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float], dtype: torch.dtype) -> Tensor:
    """(pixel / 255 - mean) / std: uint8 (B, H, W, C) to (B, C, H, W), contiguous; (x - mean) / std of floating images
    (B, H, W, C), series (B, L, C) to (B, C, L), and vectors (B, F)."""
    axes = images.dim()
    shift = _of_channels(tuple(mean), dtype, images.device, axes)  # (C, 1, 1)
    scale = _of_channels(tuple(std), dtype, images.device, axes)  # (C, 1, 1)
    first = (
        images.movedim(-1, 1).to(dtype, memory_format=torch.contiguous_format).contiguous()
    )  # (B, C, H, W)
    return ((first if images.is_floating_point() else first / 255) - shift) / scale


@lru_cache(maxsize=16)  # else each batch would wait for a copy to the device
def _of_channels(values: tuple[float, ...], dtype: torch.dtype, device: torch.device, axes: int) -> Tensor:
    return torch.tensor(values, dtype=dtype, device=device).view(-1, *[1] * (axes - 2))


def crop(images: Tensor, padding: int, top: Tensor, left: Tensor) -> Tensor:
    """Images padded with zeros, then cut to their old size at a corner each. (B, H, W, C), any type; (B,), (B,)."""
    batch, height, width, _ = images.shape
    padded = torch.nn.functional.pad(images, (0, 0, padding, padding, padding, padding))  # (B, H+2p, W+2p, C)
    lines = top[:, None] + torch.arange(height, device=images.device)  # (B, H)
    columns = left[:, None] + torch.arange(width, device=images.device)  # (B, W)
    image = torch.arange(batch, device=images.device)[:, None, None]  # (B, 1, 1)
    return padded[image, lines[:, :, None], columns[:, None, :]]  # (B, H, W, C)


def flip(images: Tensor, flipped: Tensor) -> Tensor:
    """Each image turned left to right where `flipped`, (B,), is not 0. (B, H, W, C), any type."""
    return torch.where(flipped.bool().view(-1, 1, 1, 1), images.flip(2), images)  # (B, H, W, C)


def cutout(images: Tensor, side: int, top: Tensor, left: Tensor) -> Tensor:
    """A square of `side` pixels set to 0 in each image (DeVries and Taylor, arXiv 1708.04552). (B, C, H, W).

    Its centre is given, (B,) and (B,), and what lies beyond the border is lost. It covers
    centre - side // 2 .. centre - side // 2 + side - 1, which for even sides is DARTS's square.
    """
    _, _, height, width = images.shape
    first, start = (centre[:, None] - side // 2 for centre in (top, left))  # (B, 1) each
    lines = torch.arange(height, device=images.device)  # (H,)
    columns = torch.arange(width, device=images.device)  # (W,)
    in_rows = (lines >= first) & (lines < first + side)  # (B, H)
    in_columns = (columns >= start) & (columns < start + side)  # (B, W)
    hidden = in_rows[:, :, None] & in_columns[:, None, :]  # (B, H, W)
    return images.masked_fill(hidden[:, None], 0)  # (B, C, H, W)
