"""Tables of scikit-learn, as vectors."""

from __future__ import annotations

import numpy as np

from dartsl.data.images import FORMS, ImageData, assemble
from dartsl.data.readers.parts import parted


def read_breast_cancer() -> ImageData:
    """30 measures of the nuclei of cells in 569 biopsies, malignant or benign (UCI, Wolberg et al., CC BY 4.0).

    A fifth of each class, by a fixed seed, is the test part.
    """
    # Imported here since scikit-learn takes a second to import and other formats do without it.
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    values, labels = found["data"].astype(np.float32), found["target"]  # (N, 30), (N,)
    train, test = parted(labels.tolist())
    names = [str(name) for name in found["target_names"]]
    parts = [(values[places], labels[places]) for places in (train, test)]
    return assemble("breast_cancer", parts[0], parts[1], names=names, form=FORMS[1])
