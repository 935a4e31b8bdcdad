"""An embedded text without any meaning, whose best possible prediction is known exactly.

Each letter is drawn from four that depend on the two before it, with probabilities 1/2, 1/4, 1/8 and 1/8: its
entropy is 1.75 bits, whatever came before, so no model can reach a perplexity below 2^1.75 = 3.364. Which four
is decided once, by a fixed seed. Half of them depend on the last letter alone: a model that learns nothing but pairs
of letters does better than one that only counts, and one that remembers both letters does best.
"""

from __future__ import annotations

import random
from functools import cache

import numpy as np

from dartsl.data.text.corpus import Corpus, KnownSource, assemble

LETTERS = "abcdefgh"
ODDS = (0.5, 0.25, 0.125, 0.125)
BITS = 1.75  # of entropy in ODDS
LENGTHS = (60_000, 6_000, 6_000)
SEED = 1806

Context = tuple[int, int]


def read(level: str) -> Corpus:
    """The text, the same everywhere: 60,000 letters to train, 6,000 to validate, 6,000 to test."""
    successors = table()
    # Only random(), whose numbers Python keeps the same from version to version.
    draws = random.Random(SEED + 1)
    letters: list[str] = []
    context = (0, 0)
    for _ in range(sum(LENGTHS)):
        chance = draws.random()
        place = sum(chance >= bound for bound in (0.5, 0.75, 0.875))
        context = (context[1], successors[context][place])
        letters.append(LETTERS[context[1]])
    first, second = LENGTHS[0], LENGTHS[0] + LENGTHS[1]
    parts = [letters[:first], letters[first:second], letters[second:]]
    return assemble("markov", level, parts, known())


@cache
def table() -> dict[Context, tuple[int, ...]]:
    """For each two letters, the last one at the end, the four that may follow, the likeliest first."""
    draws = random.Random(SEED)
    count = len(LETTERS)

    def shuffled() -> list[int]:
        return sorted(range(count), key=lambda _: draws.random())

    after = [shuffled() for _ in range(count)]  # of the last letter alone
    found: dict[Context, tuple[int, ...]] = {}
    for before in range(count):
        for last in range(count):
            own = [letter for letter in shuffled() if letter not in after[last][:2]]
            likely = [own[0], after[last][0], after[last][1], own[1]]
            found[before, last] = tuple(likely)
    return found


@cache
def known() -> KnownSource:
    """The perplexities of the source, from the stationary distribution of its pairs of letters."""
    count = len(LETTERS)
    # next[a, b, c]: the probability of c after a b
    follow = np.zeros((count, count, count))
    for (before, last), letters in table().items():
        for letter, odds in zip(letters, ODDS, strict=True):
            follow[before, last, letter] += odds
    pairs = np.full((count, count), 1.0 / count**2)
    for _ in range(1000):
        pairs = np.einsum("ab,abc->bc", pairs, follow)
    single = pairs.sum(axis=0)
    unigram, joint = _entropy(single), _entropy(pairs)
    return KnownSource(2**unigram, 2 ** (joint - unigram), 2**BITS)


def _entropy(chances: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """In bits."""
    positive = chances[chances > 0]
    return float(-(positive * np.log2(positive)).sum())
