"""The figures of an epoch, summed on the device as its batches come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from dartsl.step.batches import Outcome
from dartsl.step.finite import wide
from dartsl.step.perplexity import perplexity
from dartsl.step.targets import fits, mean_fit


@dataclass(frozen=True)
class Figures:
    """Sums over the batches of an epoch so far: losses weighted by predictions, right ones, predictions; of numbers
    those of `dartsl.step.targets.errors`."""

    loss: float = 0.0
    correct: int = 0
    count: int = 0
    errors: Sequence[Sequence[float]] = ()

    @property
    def mean_loss(self) -> float | None:
        return self.loss / self.count if self.count else None

    @property
    def accuracy(self) -> float | None:
        return self.correct / self.count if self.count else None

    @property
    def r2(self) -> float | None:
        """The mean over the targets."""
        return mean_fit(fits(self.errors, self.count)).r2 if self.count else None

    @property
    def mae(self) -> float | None:
        """The mean over the targets, each in its own unit."""
        return mean_fit(fits(self.errors, self.count)).mae if self.count else None

    @property
    def perplexity(self) -> float | None:
        loss = self.mean_loss
        return None if loss is None else perplexity(loss)


class Tally:
    """Such sums, as tensors: adding to them does not wait for the device. `targets` counts the numbers predicted."""

    def __init__(self, device: torch.device | str, targets: int = 0) -> None:
        self.loss = wide(torch.zeros((), device=device))  # ()
        self.correct = torch.zeros((), dtype=torch.int64, device=device)  # ()
        self.errors = wide(torch.zeros(4, targets, device=device))  # (4, T)
        self.count = 0

    def add(self, outcome: Outcome) -> None:
        """Count one more batch."""
        self.loss += wide(outcome.loss) * outcome.count
        if outcome.correct is not None:
            self.correct += outcome.correct
        if outcome.errors is not None and self.errors.numel():
            self.errors += outcome.errors
        self.count += outcome.count

    def read(self) -> Figures:
        """The sums as numbers. The host waits for the device."""
        errors = self.errors.tolist() if self.errors.numel() else ()
        return Figures(float(self.loss), int(self.correct), self.count, errors)

    def tensors(self) -> list[Tensor]:
        """What `add` changes in place."""
        return [self.loss, self.correct, *([self.errors] if self.errors.numel() else [])]

    def clear(self) -> None:
        """Begin anew."""
        self.load(asdict(Figures()))

    def load(self, record: Mapping[str, Any]) -> None:
        """Take over the fields of `Figures`."""
        self.loss.fill_(float(record["loss"]))
        self.correct.fill_(int(record["correct"]))
        self.count = int(record["count"])
        self.errors.zero_()
        if record.get("errors"):
            self.errors += torch.tensor(record["errors"], dtype=self.errors.dtype, device=self.errors.device)

    def record(self) -> dict[str, Any]:
        """The fields of `Figures`, for a checkpoint; of classes and text without `errors`."""
        return {name: value for name, value in asdict(self.read()).items() if name != "errors" or value}
