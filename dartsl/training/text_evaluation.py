"""How well a network does on a text: its loss and perplexity, and how sure they are."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from dartsl.data.text import cut
from dartsl.nn.passing import PLAIN
from dartsl.nn.supernet import Supernet
from dartsl.step.batches import TextBatch
from dartsl.step.tally import perplexity
from dartsl.training.evaluation import Z95, Measured


@dataclass(frozen=True)
class Range:
    """A quantity with a 95 % interval, whose ends are None where it is unknown."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class TextMeasured:
    """A network on a text, read in windows one after the other.

    tokens    predictions: words or characters, but the first of each row
    mean      their mean loss, in nats
    windows   how many there were
    error     the standard error of `mean`, from how the windows' losses vary; None where there is one window
    """

    tokens: int
    mean: float
    windows: int
    error: float | None

    @property
    def perplexity(self) -> float:
        return perplexity(self.mean)

    @property
    def loss_range(self) -> Range:
        """The mean loss -+ 1.96 standard errors: normal, and the windows taken as independent of each other.

        No loss is below 0, so the interval is not.
        """
        if self.error is None:
            return Range(self.mean, None, None)
        return Range(self.mean, max(0.0, self.mean - Z95 * self.error), self.mean + Z95 * self.error)

    @property
    def perplexity_range(self) -> Range:
        """exp of the loss and of the ends of its interval: 1 or more."""
        found = self.loss_range
        if found.low is None or found.high is None:
            return Range(self.perplexity, None, None)
        return Range(self.perplexity, perplexity(found.low), perplexity(found.high))

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "tokens": self.tokens,
            "windows": self.windows,
            "loss": asdict(self.loss_range),
            "perplexity": asdict(self.perplexity_range),
        }


Tested = Measured | TextMeasured


@torch.no_grad()
def measured_text(model: Supernet, rows: Tensor, window: int) -> TextMeasured:
    """A model in evaluation mode on a text in rows (rows, B), the state carried from window to window, at first zeros.

    The windows only bound the memory that a pass needs: without dropout the loss is the same for any.
    The model is left in the mode it was in.
    """
    before = model.training
    model.eval()
    carries: tuple[Tensor, ...] | None = None
    losses: list[float] = []
    counts: list[int] = []
    try:
        for start in range(0, len(rows) - 1, window):
            passed = TextBatch(*cut(rows, start, window), carries).take(model, PLAIN)
            carries = passed.carries
            losses.append(float(passed.loss) * passed.count)
            counts.append(passed.count)
    finally:
        model.train(before)
    total = sum(counts)
    mean = sum(losses) / total
    return TextMeasured(total, mean, len(counts), _standard_error(losses, counts, mean))


def _standard_error(losses: list[float], counts: list[int], mean: float) -> float | None:
    """Of a mean that is the sum of the windows' losses by the sum of their sizes: a ratio estimator's, linearised.

    Source: Cochran, Sampling Techniques (1977), 6.4.
    """
    windows = len(counts)
    if windows < 2:
        return None
    squares = sum((loss - mean * count) ** 2 for loss, count in zip(losses, counts, strict=True))
    return math.sqrt(squares * windows / (windows - 1)) / sum(counts)
