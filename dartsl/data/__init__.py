"""Data sets of images: read, split, drawn in batches and augmented, on the device as uint8.

Each name is loaded when it is first used: `dartsl.data.named`, which commands ask first, does without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dartsl.data.augment import Augment, measure
    from dartsl.data.batches import Batches, RandomBatches, split_by_index
    from dartsl.data.detect import load
    from dartsl.data.images import ImageData

__all__ = ["Augment", "Batches", "ImageData", "RandomBatches", "load", "measure", "split_by_index"]

_HOMES = {
    "Augment": "augment",
    "Batches": "batches",
    "ImageData": "images",
    "RandomBatches": "batches",
    "load": "detect",
    "measure": "augment",
    "split_by_index": "batches",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"dartsl.data.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'dartsl.data' has no attribute '{name}'")
