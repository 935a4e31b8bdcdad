"""One image file, read by Pillow: only the formats named here, and every fault of a decoder with the file's name."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from dartsl.lang.codes.diagnostics import UserError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
# What a file holds counts, not its suffix: Pillow would start Ghostscript for EPS under the name of a .png.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_DEEP_MODES = ("I", "F")  # 16 or 32 bits a pixel: I, I;16, I;16B, F

logging.getLogger("PIL").addHandler(
    logging.NullHandler()
)  # else it speaks of faults itself, and names no file


def read_image(path: Path, channels: int) -> Image.Image:
    """One image with 1, 3 or 4 channels. Raises UserError."""
    mode = {1: "L", 3: "RGB", 4: "RGBA"}.get(channels)
    if mode is None:
        raise UserError(
            f"{path}: images have 1, 3 or 4 channels, never {channels}", "use a .npz file for such data"
        )
    with _explained(path):
        image = _loaded(path)
        if image.mode == "P":  # palettes with transparency: Pillow warns unless they go through RGBA
            image = image.convert("RGBA")
        return image.convert(mode)


def is_grey(path: Path) -> bool:
    """Whether an image has one channel, without a palette. Raises UserError."""
    with _explained(path):
        return _loaded(path).mode in ("1", "L")


def _loaded(path: Path) -> Image.Image:
    with Image.open(path, formats=FORMATS) as image:
        image.load()
    if image.mode.split(";")[0] in _DEEP_MODES:
        raise UserError(
            f"{path}: more than 8 bits per channel", "convert it to 8 bits, or store the data as .npz"
        )
    return image


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what Pillow raises into a message; a damaged file may raise nearly anything, as struct.error, KeyError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata: the pixels are what counts
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except UserError:
        raise
    except UnidentifiedImageError:
        reason = f"it holds none of {', '.join(FORMATS)}"
        raise UserError(f"{path}: not a readable image ({reason})", "convert or remove the file") from None
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise UserError(f"{path}: not a readable image ({reason})", "repair or remove the file") from None
