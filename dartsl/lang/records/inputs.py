"""What a network takes: a class for each kind of input, with all that depends on the kind alone.

What other layers know of a kind they keep in a table by its `kind`: settings, data sets, batches, sessions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from dartsl.lang.records.tensors import Shape


class Input(ABC):
    """What enters a network, with its sizes. What is known before these are is in the class.

    word       the function that declares it, and the name by which layers read it
    sizes      the names of that function's arguments
    kind       of data, in the plural: the key of whatever is kept by kind
    one, this  what messages call such an input, and the one at hand
    unit       what a cost is counted for; `example`: what a batch has several of
    stem       what a stem must give; `stem_help` says how, where another thing is given
    sequence   whether cells run along it, element after element
    since      the version of the language from which on it is known
    """

    word: ClassVar[str]
    sizes: ClassVar[tuple[str, ...]]
    kind: ClassVar[str]
    one: ClassVar[str]
    this: ClassVar[str]
    unit: ClassVar[str]
    example: ClassVar[str]
    stem: ClassVar[str]
    stem_help: ClassVar[str | None] = None
    sequence: ClassVar[bool] = False
    since: ClassVar[int] = 1

    @classmethod
    def form(cls) -> str:
        """How it is written, such as `image(channels, height, width)`."""
        return f"`{cls.word}({', '.join(cls.sizes)})`"

    @classmethod
    def of(cls, *sizes: int) -> Self:
        """The one of these sizes, in the order of `sizes`."""
        return cls(*sizes)

    def to(self, outputs: int) -> Input:
        """The same, of a network whose head gives so many outputs."""
        return self

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """That of one example."""

    @property
    def length(self) -> int:
        """How many elements a cell takes of it that runs along it."""
        return 1

    def batch(self, size: int) -> tuple[int, ...]:
        """The shape of a tensor that holds `size` examples."""
        return (size, *self.shape.outer)


@dataclass(frozen=True)
class Images(Input):
    """Images in a network's own size."""

    channels: int
    height: int
    width: int

    word = "image"
    sizes = ("channels", "height", "width")
    kind = "images"
    one = "an image"
    this = "the image"
    unit = "image"
    example = "image"
    stem = "a map of the image"
    stem_help = "`conv(1)` is linear in the channels, and gives a map"

    @property
    def shape(self) -> Shape:
        return Shape(self.channels, (self.height, self.width))


@dataclass(frozen=True)
class Tokens(Input):
    """A window of text: the numbers of its words, of a vocabulary that is the head's outputs (0: not yet known)."""

    window: int
    vocabulary: int = 0

    word = "tokens"
    sizes = ("length",)
    kind = "text"
    one = "tokens"
    this = "a sequence"
    unit = "word"
    example = "row of text"
    stem = "a sequence"
    sequence = True

    def to(self, outputs: int) -> Tokens:
        return replace(self, vocabulary=outputs)

    @property
    def shape(self) -> Shape:
        return Shape(1, (self.window,), tokens=True)

    @property
    def length(self) -> int:
        return self.window

    def batch(self, size: int) -> tuple[int, ...]:
        return (self.window, size)  # (T, B)


@dataclass(frozen=True)
class Vector(Input):
    """A vector of so many features, such as a row of a table."""

    features: int

    word = "vector"
    sizes = ("features",)
    kind = "vectors"
    one = "a vector"
    this = "the vector"
    unit = "vector"
    example = "vector"
    stem = "a vector"
    since = 2

    @property
    def shape(self) -> Shape:
        return Shape(self.features, ())


@dataclass(frozen=True)
class Series(Input):
    """A series of samples, each of so many channels. Inside the compiler it is a map of one row."""

    channels: int
    samples: int

    word = "series"
    sizes = ("channels", "length")
    kind = "series"
    one = "a series"
    this = "the series"
    unit = "series"
    example = "series"
    stem = "a series"
    since = 2

    @property
    def shape(self) -> Shape:
        return Shape(self.channels, (1, self.samples), series=True)


# By what declares them.
INPUTS: Mapping[str, type[Input]] = {each.word: each for each in (Images, Tokens, Vector, Series)}


def inputs_of(version: int) -> Mapping[str, type[Input]]:
    """Those that a version of the language knows."""
    return {word: takes for word, takes in INPUTS.items() if takes.since <= version}
