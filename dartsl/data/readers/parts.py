"""Where data come without a test part: a fifth of each class, by a fixed seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TEST = 0.2  # the part of each class that tests
_SEED = 0


def fifth_of_each(labels: Sequence[int]) -> tuple[list[int], list[int]]:
    """The places that train and those that test, of examples with class numbers, class after class.

    Those of a class that has less than three all train.
    """
    draws = np.random.default_rng(_SEED)
    train: list[int] = []
    test: list[int] = []
    places: dict[int, list[int]] = {}
    for place, label in enumerate(labels):
        places.setdefault(label, []).append(place)
    for _, of_class in sorted(places.items()):
        shuffled = [of_class[i] for i in draws.permutation(len(of_class))]
        count = round(TEST * len(shuffled))
        test += shuffled[:count]
        train += shuffled[count:]
    return train, test


def parted(labels: Sequence[int]) -> tuple[list[int], list[int]]:
    """The same, each part in a random order."""
    draws = np.random.default_rng(_SEED)
    train, test = fifth_of_each(labels)
    return [train[i] for i in draws.permutation(len(train))], [test[i] for i in draws.permutation(len(test))]
