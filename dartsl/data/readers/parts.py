"""Where data come without a test part: a fifth of each class, by a fixed seed."""

from __future__ import annotations

import numpy as np

from dartsl.data.images import Array

TEST = 5  # one of so many examples tests
_SEED = 0


def parted(labels: Array) -> tuple[Array, Array]:
    """The places that train, in a random order, and those that test, of examples with class numbers (N,).

    One of a class that has no other trains.
    """
    draws = np.random.default_rng(_SEED)
    order = draws.permutation(len(labels))
    tests = [
        order[labels[order] == label][: min(count - 1, max(1, round(count / TEST)))]
        for label, count in zip(*np.unique(labels, return_counts=True), strict=True)
    ]
    test = np.isin(order, np.concatenate(tests))
    return order[~test], order[test]
