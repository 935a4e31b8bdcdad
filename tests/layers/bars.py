"""Data by which a planted choice is known: windows of 3 x 3 alone tell its classes apart, and zeros teach nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import dartsl
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source


def found_of_bars(text: str, folder: Path) -> list[str]:
    """The lines, without their comments, of what a search of `text` finds on bars of equal brightness, upright or
    level."""
    random = np.random.default_rng(0)
    images, labels = np.zeros((120, 6, 6), np.uint8), np.arange(120) % 2
    for image, label in zip(images, labels, strict=True):
        down, across = random.integers(1, 3, 2)
        image[(slice(down, down + 3), across) if label else (down, slice(across, across + 3))] = 255
    np.savez(folder / "bars.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    run = dartsl.search(
        check(Source("test.darts", text)), folder / "run", data=str(folder / "bars.npz"), quiet=True,
        epochs=8, batch=10, alphas_lr=0.05, crop=0, flip=False,
    )  # fmt: skip
    return [line.split("  #")[0].strip() for line in (run.found or "").splitlines()]
