"""A text in three parts as whole numbers, and what numbers stand for."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from dartsl.lang.codes.diagnostics import UserError

UNKNOWN = "<unk>"


@dataclass(frozen=True)
class KnownSource:
    """The perplexities that a text's source allows, where it is known exactly.

    best      nothing that predicts can do better: 2 to the power of the entropy rate in bits
    unigram   of who knows only how often each word comes
    bigram    of who knows how often each word follows each word
    """

    unigram: float
    bigram: float
    best: float


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text: three parts int64 (N,), numbers into `vocabulary`, on one device. `level` is word or char."""

    name: str
    level: str
    vocabulary: tuple[str, ...]
    train: Tensor
    valid: Tensor
    test: Tensor
    source: KnownSource | None = None
    notes: ClassVar[tuple[str, ...]] = ()  # a text is understood in one way alone

    def to(self, device: str | torch.device) -> Corpus:
        """The same text with its tensors on `device`."""
        return replace(
            self, train=self.train.to(device), valid=self.valid.to(device), test=self.test.to(device)
        )

    def fingerprint(self, *, test: bool = False) -> str:
        """SHA-256 of the vocabulary and of what a search reads: the training and the validation text; with `test`
        of the test text too, which a training reads at its end."""
        digest = hashlib.sha256(repr((self.level, self.vocabulary)).encode())
        for part in (self.train, self.valid, *([self.test] if test else [])):
            digest.update(str(len(part)).encode())
            digest.update(part.cpu().contiguous().numpy().data)
        return digest.hexdigest()

    def record(self) -> dict[str, object]:
        """What `vocabulary.json` of a run holds: the n-th word is the number n."""
        return {"level": self.level, "size": len(self.vocabulary), "vocabulary": list(self.vocabulary)}


def assemble(
    name: str,
    level: str,
    parts: Sequence[Sequence[str]],
    source: KnownSource | None = None,
) -> Corpus:
    """A corpus of the words (or characters) of its training, validation and test text.

    The vocabulary is that of the training text, the most frequent first, of equals the one that comes first;
    words of the other texts that it lacks become `<unk>`, which is added at its end where it is needed and
    the training text has none. Raises UserError where a part is empty.
    """
    for part, words in zip(("training", "validation", "test"), parts, strict=True):
        if not words:
            raise UserError(f"{name}: the {part} text is empty", "is the file complete?")
    train, *others = parts
    # Counter keeps the order of first places, and sorted() is stable.
    counted = Counter(train)
    vocabulary = sorted(counted, key=lambda word: -counted[word])
    if UNKNOWN not in counted and any(word not in counted for words in others for word in words):
        vocabulary.append(UNKNOWN)
    numbers = {word: number for number, word in enumerate(vocabulary)}
    unknown = numbers.get(UNKNOWN, 0)  # 0 is never taken: without <unk> every word is known
    first, second, third = (torch.tensor([numbers.get(word, unknown) for word in words]) for words in parts)
    return Corpus(name, level, tuple(vocabulary), first, second, third, source)


def in_rows(text: Tensor, batch: int, part: str = "training") -> Tensor:
    """A text (N,) as (N // batch, batch): each column is a stretch of it, read downwards; what is over is cut.
    `part` of a corpus is what a message calls it.

    Raises UserError for a text too short for a word, its successor and one word more in each column.
    """
    rows = len(text) // batch
    if rows < 3:
        most = len(text) // 3
        raise UserError(
            f"the {part} text of {len(text):,} words or characters is too short for {batch} "
            f"row{'s side by side' if batch > 1 else ''}",
            help=f"take --batch {most} or less, or a longer text"
            if 1 < most < batch
            else "take a longer text",
        )
    return text[: rows * batch].view(batch, rows).t().contiguous()  # (rows, batch)
