"""How well a network does on images: losses and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dartsl.data.images import kind_of
from dartsl.lang.settings.values import TrainConfig
from dartsl.run.given import NOTHING, Given
from dartsl.step.batches import ImageBatch
from dartsl.step.own import mean_loss, metric_value
from dartsl.training.measured import Measured


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
    it was in. Raises UserError for one that is not one number.
    """
    before = model.training
    model.eval()
    images, correct, correct5, loss, classes, several = 0, 0, 0, 0.0, 0, ""
    sums = dict.fromkeys(given.metrics, 0.0)
    try:
        for batch in batches:
            logits = forward(batch.images)  # (B, classes)
            classes, several = logits.shape[1], kind_of(batch.images.shape[1:])
            images += len(batch.labels)
            if given.loss is None:
                loss += float(F.cross_entropy(logits, batch.labels, reduction="sum"))
            else:
                loss += float(mean_loss(given.loss, logits, batch.labels)) * len(batch.labels)
            likely = logits.topk(min(5, classes), dim=1).indices  # (B, 5)
            right = likely == batch.labels[:, None]  # (B, 5)
            correct += int(right[:, 0].sum())
            correct5 += int(right.sum())
            for name, metric in given.metrics.items():
                sums[name] += float(metric_value(name, metric, logits, batch.labels)) * len(batch.labels)
    finally:
        model.train(before)
    if not images:
        return None
    metrics = {name: value / images for name, value in sums.items()}
    return Measured(images, loss / images, correct, correct5 if classes > 5 else None, metrics, several)
