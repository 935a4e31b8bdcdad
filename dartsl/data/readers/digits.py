"""The handwritten digits of scikit-learn: 1,797 real images of 8x8, 10 classes (UCI optdigits, CC BY 4.0)."""

from __future__ import annotations

import numpy as np

from dartsl.data.images import FORMS, ImageData, assemble

TRAINING_IMAGES = 1500


def read_series() -> ImageData:
    """The same as series (N, 64, 1), row after row: values 0 .. 16, float32."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)  # (N, 64) float64, (N,)
    train, test = slice(None, TRAINING_IMAGES), slice(TRAINING_IMAGES, None)
    values = pixels.astype(np.float32)
    return assemble(
        "digits", (values[train], labels[train]), (values[test], labels[test]), classes=10, form=FORMS[2]
    )


def read() -> ImageData:
    """Images (N, 8, 8, 1); the first 1,500 train and the last 297, by other writers, test.

    Values 0 .. 16 become 0 .. 255, rounded.
    """
    # Imported here since scikit-learn takes a second to import and other formats do without it.
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)  # (N, 64) float64, (N,)
    images = np.rint(pixels * 255 / 16).astype(np.uint8).reshape(-1, 8, 8)  # (N, H, W)
    train, test = slice(None, TRAINING_IMAGES), slice(TRAINING_IMAGES, None)
    return assemble("digits", (images[train], labels[train]), (images[test], labels[test]), classes=10)
