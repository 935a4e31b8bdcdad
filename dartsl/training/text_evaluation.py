"""How well a network does on a text: its loss and perplexity, and how sure they are."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dartsl.data.text import cut
from dartsl.nn.passing import PLAIN
from dartsl.nn.supernet import Supernet
from dartsl.step.batches import TextBatch
from dartsl.training.measured import TextMeasured


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
