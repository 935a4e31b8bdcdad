"""Where data come without a test part: a fifth of each class, by a fixed seed."""

from __future__ import annotations

import numpy as np

from dartsl.data.images import Array

TEST = 5  # one of so many examples tests
_SEED = 0


def parted(labels: Array) -> tuple[Array, Array]:
    """The places that train, in a random order, and those that test, of examples with class numbers (N,)."""
    draws = np.random.default_rng(_SEED)
    order = draws.permutation(len(labels))
    tests = [
        order[labels[order] == label][: max(1, round(int((labels == label).sum()) / TEST))]
        for label in np.unique(labels)
    ]
    test = np.isin(order, np.concatenate(tests))
    return order[~test], order[test]
