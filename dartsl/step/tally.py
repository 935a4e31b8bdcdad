"""The figures of an epoch, summed as its batches come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dartsl.step.batches import Outcome, perplexity


@dataclass
class Tally:
    """Sums over the batches of an epoch so far: losses weighted by predictions, right ones, predictions."""

    loss: float = 0.0
    correct: int = 0
    count: int = 0

    def add(self, outcome: Outcome) -> None:
        self.loss += outcome.loss * outcome.count
        self.correct += outcome.correct or 0
        self.count += outcome.count

    @property
    def mean_loss(self) -> float | None:
        return self.loss / self.count if self.count else None

    @property
    def accuracy(self) -> float | None:
        return self.correct / self.count if self.count else None

    @property
    def perplexity(self) -> float | None:
        loss = self.mean_loss
        return None if loss is None else perplexity(loss)


def tallied(record: Mapping[str, Any]) -> Tally:
    """A tally from its fields."""
    return Tally(float(record["loss"]), int(record["correct"]), int(record["count"]))
