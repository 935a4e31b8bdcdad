"""What labels must be, whatever the format, and what to do where they are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dartsl.lang.codes.diagnostics import UserError

Array = NDArray[Any]
_RENUMBER = "numpy.unique(y, return_inverse=True)[1], over all parts together"


def class_numbers(name: str, part: str, labels: Array) -> Array:
    """Labels as int64 (N,), from integers (N,) or (N, 1). Raises UserError."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        one_hot = _one_hot(labels)
        raise UserError(
            f"{name}: {part} labels have shape {labels.shape}" + (": they are one-hot" if one_hot else ""),
            "store `y.argmax(axis=1)`"
            if one_hot
            else "store one class number for each image: shape (images,)",
        )
    if labels.dtype.kind not in "iu":
        raise UserError(f"{name}: {part} labels are {labels.dtype}, not whole numbers", _as_whole(labels))
    if labels.size and labels.dtype.kind == "u" and int(labels.max()) > np.iinfo(np.int64).max:
        raise UserError(
            f"{name}: {part} label {int(labels.max())} is out of range", "labels are small, from 0"
        )
    return labels.astype(np.int64)


def count_classes(name: str, labels: Mapping[str, Array], classes: int | None) -> tuple[int, tuple[str, ...]]:
    """The number of classes, and notes. `labels` are those of each part, int64 (N,), "training" among them.

    Without `classes` it is the largest training label and one. Raises UserError where labels are out of range, or
    there is one class alone.
    """
    low = min(int(part.min()) for part in labels.values())
    high = max(int(part.max()) for part in labels.values())
    largest = int(labels["training"].max())
    if low >= 1 and (classes is None or high >= classes):
        raise UserError(
            f"{name}: labels run from {low} to {high}: subtract {low}",
            f"labels stand for classes from 0 on: store `y - {low}` in each part",
        )
    count = largest + 1 if classes is None else classes
    for part, numbers in labels.items():
        for wrong in (int(numbers.min()), int(numbers.max())):
            if not 0 <= wrong < count:
                raise UserError(
                    f"{name}: {part} label {wrong} is out of range",
                    f"labels go from 0 to {count - 1} here, and stand for classes in that order",
                )
    if count == 1:
        raise UserError(f"{name}: one class, all labels are 0", "a data set needs two classes or more")
    return count, () if classes is not None else _gaps(name, labels["training"], count)


def renumbering(labels: Array, classes: int) -> str | None:
    """What to do where `classes` different labels leave gaps; None where they do not."""
    differ = len(np.unique(labels))
    if differ != classes or differ == int(labels.max()) + 1:
        return None
    return f"{differ} different labels occur: number them from 0 without gaps by {_RENUMBER}"


def _gaps(name: str, labels: Array, count: int) -> tuple[str, ...]:
    there = np.unique(labels)
    if len(there) == count:
        return ()
    following = np.append(there[1:], count)  # of each label that is there, the next one
    first = 0 if there[0] > 0 else int(there[np.argmax(following > there + 1)]) + 1
    missing = count - len(there)
    more = f" and {missing - 1} more labels" if missing > 1 else ""
    return (
        f"{name}: no training image has label {first}{more}, of labels from 0 to {count - 1}; "
        f"if there are no such classes, number them without gaps by {_RENUMBER}",
    )


def _one_hot(labels: Array) -> bool:
    if labels.ndim != 2 or labels.dtype.kind not in "biuf":
        return False
    return bool(((labels == 0) | (labels == 1)).all()) and bool((labels.sum(axis=1) == 1).all())


def _as_whole(labels: Array) -> str:
    if labels.dtype.kind == "b" or (labels.dtype.kind == "f" and bool((labels == np.rint(labels)).all())):
        return "store `y.astype('int64')`"
    if labels.dtype.kind in "US":
        return f"number the classes from 0: {_RENUMBER}"
    if labels.dtype.kind == "f":
        return 'store each label as its class\'s number, from 0; numbers are predicted with `loss = "mse"` (--loss mse)'
    return "store each label as its class's number, from 0"
