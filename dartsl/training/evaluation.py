"""How well a network does on images, series or vectors: losses and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dartsl.data.images import kind_of
from dartsl.lang.settings.values import TrainConfig
from dartsl.run.given import NOTHING, Given
from dartsl.run.inputs import ImageInputs
from dartsl.step.batches import ImageBatch
from dartsl.step.finite import wide
from dartsl.step.own import mean_loss, metric_value
from dartsl.step.targets import Scale, errors, fits, mean_fit
from dartsl.training.measured import Measured
from dartsl.training.numbers import NumbersMeasured, mean_range

LOSS = "loss"  # which no metric may be called


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


@torch.no_grad()
def measured_numbers(
    model: nn.Module,
    forward: Callable[[Tensor], Tensor],
    batches: Iterable[ImageBatch],
    inputs: ImageInputs,
    given: Given = NOTHING,
) -> NumbersMeasured | None:
    """The same of a model that predicts numbers, which `inputs` name and scale; metrics that are given are functions of
    predictions and targets in their own units. A loss that is given stands among them, as `loss`."""
    before = model.training
    model.eval()
    names = [*given.metrics, *([] if given.loss is None else [LOSS])]
    count, squares, sums = 0, Squares(), dict.fromkeys(names, 0.0)
    try:
        for batch in batches:
            outputs = forward(batch.images)  # (B, T)
            scale = Scale.of(inputs.target_mean, inputs.target_std, outputs.device)
            count += len(outputs)
            wanted = scale.standard(batch.labels)
            squares.add(outputs, wanted, scale)
            if given.loss is not None:
                sums[LOSS] += float(mean_loss(given.loss, outputs, wanted.to(outputs.dtype))) * len(outputs)
            own = scale.own(outputs), wide(batch.labels)
            for name, metric in given.metrics.items():
                sums[name] += float(metric_value(name, metric, *own)) * len(outputs)
    finally:
        model.train(before)
    if not count:
        return None
    metrics = {name: value / count for name, value in sums.items()}
    return squares.measured(count, inputs, metrics)


class Squares:
    """Sums over examples: those of `dartsl.step.targets.errors`, and of each example's mean squared and mean absolute
    error, with their squares."""

    def __init__(self) -> None:
        self._errors: Tensor | None = None  # (4, T)
        self._each = torch.zeros(4, dtype=torch.float64)

    def add(self, outputs: Tensor, targets: Tensor, scale: Scale) -> None:
        """Of standardised (B, T)."""
        sums = errors(outputs, targets, scale).cpu()
        self._errors = sums if self._errors is None else self._errors + sums
        apart = wide(outputs) - wide(targets)
        squared, absolute = apart.square().mean(dim=1), (apart.abs() * scale.std).mean(dim=1)  # (B,)
        self._each += torch.stack(
            [squared.sum(), squared.square().sum(), absolute.sum(), absolute.square().sum()]
        ).cpu()

    def measured(self, count: int, inputs: ImageInputs, metrics: Mapping[str, float]) -> NumbersMeasured:
        """What they come to, over `count` examples, one or more."""
        assert self._errors is not None
        found = fits(self._errors.tolist(), count)
        mse, mse_squares, mae, mae_squares = self._each.tolist()
        return NumbersMeasured(
            count,
            inputs.kind,
            mean_range(mse, mse_squares, count),
            mean_fit(found).r2,
            mean_range(mae, mae_squares, count),
            {name: fit._asdict() for name, fit in zip(inputs.classes, found, strict=True)},
            metrics,
        )
