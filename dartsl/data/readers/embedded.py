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
    names = [str(name) for name in found["target_names"]]
    train, test = ((values[places], labels[places]) for places in parted(labels.tolist()))
    return assemble("breast_cancer", train, test, names=names, form=FORMS[1])


def read_diabetes() -> ImageData:
    """10 measures of 442 patients, and how far the disease has come a year later, a number (Efron et al. 2004).

    A fifth, by a fixed seed, is the test part.
    """
    from sklearn.datasets import load_diabetes  # as above

    found = load_diabetes(scaled=False)
    values, targets = found["data"].astype(np.float32), found["target"]  # (N, 10), (N,)
    train, test = ((values[places], targets[places]) for places in parted([0] * len(targets)))
    return assemble("diabetes", train, test, names=["progression"], form=FORMS[1], numbers=True)
