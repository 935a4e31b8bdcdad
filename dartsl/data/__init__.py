"""Data sets of images: read, split, drawn in batches and augmented, on the device as uint8."""

from dartsl.data.augment import Augment, Rows, measure
from dartsl.data.batches import Batches, RandomBatches, split_by_index
from dartsl.data.detect import load
from dartsl.data.images import ImageData

__all__ = ["Augment", "Batches", "ImageData", "RandomBatches", "Rows", "load", "measure", "split_by_index"]
