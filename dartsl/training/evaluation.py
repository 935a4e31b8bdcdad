"""How well a network does: losses, errors and their confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dartsl.lang.settings import TrainConfig
from dartsl.run.given import NOTHING, Given
from dartsl.step.batches import ImageBatch

Z95 = 1.959963984540054  # the standard normal's 97.5 % quantile


@dataclass(frozen=True)
class Interval:
    """An error, a part of 1, with the 95 % interval of Wilson (1927)."""

    error: float
    low: float
    high: float


@dataclass(frozen=True)
class Measured:
    """A network on some images. `correct5` counts those whose class is among the five likeliest; None where
    there are no more than five classes; `metrics` are the means of those that were given."""

    images: int
    loss: float
    correct: int
    correct5: int | None
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def accuracy(self) -> float:
        return self.correct / self.images

    @property
    def top1(self) -> Interval:
        return wilson(self.images - self.correct, self.images)

    @property
    def top5(self) -> Interval | None:
        return None if self.correct5 is None else wilson(self.images - self.correct5, self.images)

    def record(self) -> dict[str, Any]:
        """As JSON."""
        top5 = None if self.top5 is None else asdict(self.top5)
        own = {"metrics": dict(self.metrics)} if self.metrics else {}
        return {"images": self.images, "loss": self.loss, "top1": asdict(self.top1), "top5": top5, **own}


def wilson(wrong: int, count: int, z: float = Z95) -> Interval:
    """The score interval of a proportion (Wilson, J. Am. Stat. Assoc. 22, 1927): it stays within 0 .. 1."""
    share = wrong / count
    scale = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return Interval(share, max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share)))


def autocast(config: TrainConfig) -> AbstractContextManager[Any]:
    """The shorter type that the setting `amp` asks for; else nothing."""
    if not config.amp:
        return nullcontext()
    kind = torch.float16 if config.amp_type == "float16" else torch.bfloat16
    return torch.autocast(torch.device(config.device).type, kind)


@torch.no_grad()
def measured(
    model: nn.Module,
    forward: Callable[[Tensor], Tensor],
    batches: Iterable[ImageBatch],
    given: Given = NOTHING,
) -> Measured | None:
    """A model in evaluation mode on batches, by `forward`: images to logits; None where there is no image.

    A loss and metrics that are given are means over a batch, and weigh by its images. The model is left in the mode
    it was in.
    """
    before = model.training
    model.eval()
    images, correct, correct5, loss, classes = 0, 0, 0, 0.0, 0
    sums = dict.fromkeys(given.metrics, 0.0)
    try:
        for batch in batches:
            logits = forward(batch.images)  # (B, classes)
            classes = logits.shape[1]
            images += len(batch.labels)
            if given.loss is None:
                loss += float(F.cross_entropy(logits, batch.labels, reduction="sum"))
            else:
                loss += float(given.loss(logits, batch.labels)) * len(batch.labels)
            for name, metric in given.metrics.items():
                sums[name] += float(metric(logits, batch.labels)) * len(batch.labels)
            likely = logits.topk(min(5, classes), dim=1).indices  # (B, 5)
            right = likely == batch.labels[:, None]  # (B, 5)
            correct += int(right[:, 0].sum())
            correct5 += int(right.sum())
    finally:
        model.train(before)
    if not images:
        return None
    metrics = {name: value / images for name, value in sums.items()}
    return Measured(images, loss / images, correct, correct5 if classes > 5 else None, metrics)
