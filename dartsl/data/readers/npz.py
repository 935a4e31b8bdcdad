"""A .npz file with x_train, y_train, x_test and y_test, as Keras and many others write them."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from dartsl.data.images import ImageData, assemble
from dartsl.lang.diagnostics import UserError

KEYS = ("x_train", "y_train", "x_test", "y_test")


def read(path: Path) -> ImageData:
    """Images uint8 (N, H, W, C) or (N, H, W), labels integers (N,) or (N, 1); other arrays are ignored."""
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
    return assemble(path.name, (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"]))
