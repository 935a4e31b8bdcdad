"""A .npz file with x_train, y_train, x_test and y_test, as Keras and many others write them."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from dartsl.data.images import Array, ImageData, assemble
from dartsl.lang.diagnostics import UserError

KEYS = ("x_train", "y_train", "x_test", "y_test")
NAMES = ("class_names", "label_names")


def read(path: Path) -> ImageData:
    """Images uint8 (N, H, W, C) or (N, H, W), labels integers (N,) or (N, 1); names of classes, strings (classes,), in
    `class_names` or `label_names`, if there are any. Other arrays are ignored.

    Raises UserError.
    """
    try:
        # A file of our own: numpy leaves one that it opened itself open where it finds no zip archive in it.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            missing = [key for key in KEYS if key not in found.files]
            if missing:
                raise UserError(
                    f"{path}: has no {', '.join(missing)} (it has {', '.join(found.files) or 'nothing'})",
                    f"a data set needs the arrays {', '.join(KEYS)}",
                )
            arrays = {key: found[key] for key in KEYS}
            names = next((found[key] for key in NAMES if key in found.files), None)
    except (
        OSError,
        EOFError,
        ValueError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        # TypeError: a single .npy array under the name of an .npz file.
        raise UserError(
            f"{path}: not a readable .npz file of plain arrays ({error})",
            "is the file complete? write it by numpy.savez; arrays of objects are not read",
        ) from None
    train, test = ((arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("train", "test"))
    return assemble(path.name, train, test, names=_class_names(path, names))


def _class_names(path: Path, names: Array | None) -> tuple[str, ...]:
    """The names of the classes, where an array of strings gives them."""
    if names is None:
        return ()
    if names.ndim != 1 or names.dtype.kind != "U" or not all(names):
        raise UserError(
            f"{path}: its names of classes are {names.dtype} of shape {names.shape}",
            "store them as an array of strings, one for each class: numpy.array(['cat', 'dog'])",
        )
    return tuple(str(name) for name in names)
