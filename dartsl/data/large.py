"""Large images, one by one, as Pillow has them: parts of them at random, changes of colour, and what evaluation sees.

As in the training of DARTS on ImageNet (method.md), by the rules of torchvision's RandomResizedCrop and ColorJitter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import numpy as np
from PIL import Image, ImageEnhance

from dartsl.lang.codes.diagnostics import UserError

AREA = (0.08, 1.0)
RATIO = (3 / 4, 4 / 3)
TRIES = 10


def random_resized_crop(image: Image.Image, size: tuple[int, int], random: Random) -> Image.Image:
    """A part of 8 to 100 % of the area, its sides in a ratio of 3:4 to 4:3, resized to `size` (height, width).

    Where ten draws do not fit into the image it is the largest part in the middle with such a ratio.
    """
    width, height = image.size
    for _ in range(TRIES):
        area = width * height * random.uniform(*AREA)
        ratio = math.exp(random.uniform(math.log(RATIO[0]), math.log(RATIO[1])))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = random.randint(0, width - w), random.randint(0, height - h)
            break
    else:
        ratio = min(max(width / height, RATIO[0]), RATIO[1])
        w, h = min(width, max(1, round(height * ratio))), min(height, max(1, round(width / ratio)))
        left, top = (width - w) // 2, (height - h) // 2
    box = (left, top, left + w, top + h)
    return image.resize((size[1], size[0]), Image.Resampling.BILINEAR, box=box)


def jitter(image: Image.Image, bounds: Sequence[float], random: Random) -> Image.Image:
    """Brightness, contrast and saturation times a factor in 1 - bound .. 1 + bound, hue moved by up to its bound (a
    part of the circle), in a random order. Grey images have no saturation and no hue."""
    brightness, contrast, saturation, hue = bounds
    changes = [
        (ImageEnhance.Brightness, brightness),
        (ImageEnhance.Contrast, contrast),
        (ImageEnhance.Color, saturation),
        (None, hue),
    ]
    random.shuffle(changes)
    for enhance, bound in changes:
        if enhance is None:
            moved = random.uniform(-bound, bound)
            image = _hue(image, moved) if bound and image.mode == "RGB" else image
        else:
            factor = random.uniform(max(0.0, 1 - bound), 1 + bound)
            image = enhance(image).enhance(factor) if bound else image
    return image


def centre_crop(image: Image.Image, size: tuple[int, int], shorter: int) -> Image.Image:
    """The image with its shorter side resized to `shorter`, then the middle of `size` (height, width)."""
    scale = shorter / min(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    top, left = round((height - size[0]) / 2), round((width - size[1]) / 2)
    return image.crop((left, top, left + size[1], top + size[0]))


def require_bounds(bounds: Sequence[float]) -> None:
    """Raise UserError unless the setting `jitter` is empty or has its four numbers."""
    if bounds and (len(bounds) != 4 or bounds[3] > 0.5):
        raise UserError(
            "`jitter` is four numbers: brightness, contrast, saturation, and hue up to 0.5",
            help="DARTS takes 0.4,0.4,0.4,0.2 on ImageNet",
            exit_code=2,
        )


def _hue(image: Image.Image, moved: float) -> Image.Image:
    hue, saturation, value = image.convert("HSV").split()
    turned = (np.asarray(hue, dtype=np.int16) + round(moved * 255)) % 256
    return Image.merge("HSV", (Image.fromarray(turned.astype(np.uint8)), saturation, value)).convert("RGB")
