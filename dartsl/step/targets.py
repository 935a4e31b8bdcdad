"""The loss of numbers that are predicted (`loss = "mse"`), and the sums of which R2 and absolute errors are made.

A network learns targets that are standardised, each by the mean and deviation of those that train: so a target counts
alike in whatever unit it is, and the loss of always predicting the mean is about 1. Predictions and absolute errors are
in the targets' own units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dartsl.nn.placing import wide_type
from dartsl.step.batches import Outcome
from dartsl.step.finite import wide
from dartsl.step.own import Loss, mean_loss, metric_value

ALIKE = 1e-12  # a spread that is a smaller part of the targets' squares is rounding


@dataclass(frozen=True)
class Scale:
    """The mean and the deviation of each target, (T,) each, on the network's device; float64, since a mean may be large
    beside the deviation."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, mean: Sequence[float], std: Sequence[float], device: torch.device | str) -> Scale:
        """The one of these numbers."""
        dtype = wide_type(device)
        return cls(*(torch.tensor(tuple(each), dtype=dtype, device=device) for each in (mean, std)))

    def standard(self, targets: Tensor) -> Tensor:
        """Targets (B, T) in their own units, of any floating type, as the network learns them, but in float64."""
        return (wide(targets) - self.mean) / self.std

    def own(self, outputs: Tensor) -> Tensor:
        """What a network gives, (B, T), in the targets' own units: float64."""
        return wide(outputs) * self.std + self.mean


def mean_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """The mean, (), over examples and targets, of standardised (B, T).

    torch's own mse_loss has no derivative in forward mode of its gradient, which the exact order takes.
    """
    return (outputs - targets).square().mean()


def errors(outputs: Tensor, targets: Tensor, scale: Scale) -> Tensor:
    """Of standardised (B, T) the sums over a batch, (4, T): squared errors, absolute errors in the targets' own units,
    targets, and their squares."""
    wanted = wide(targets)
    apart = wide(outputs) - wanted
    absolute = apart.abs() * scale.std
    return torch.stack([each.sum(dim=0) for each in (apart.square(), absolute, wanted, wanted.square())])


class Fit(NamedTuple):
    """How well one target is predicted. `r2` is 1 less the squared errors' part of the targets' variance, None where
    these do not differ; `mae` is the mean absolute error, in the target's own unit."""

    r2: float | None
    mae: float


def fits(sums: Sequence[Sequence[float]], count: int) -> list[Fit]:
    """Of the sums that `errors` gives, over `count` examples: of each target."""
    found = []
    for squares, absolute, total, of_squares in zip(*sums, strict=True):
        spread = of_squares - total * total / count
        r2 = 1 - squares / spread if spread > ALIKE * of_squares else None
        found.append(Fit(r2, absolute / count))
    return found


def mean_fit(found: Sequence[Fit]) -> Fit:
    """The means over the targets; an R2 only where all of them have one."""
    known = [fit.r2 for fit in found if fit.r2 is not None]
    r2 = sum(known) / len(known) if len(known) == len(found) else None
    return Fit(r2, sum(fit.mae for fit in found) / len(found))


@dataclass(frozen=True)
class TargetPassed:
    """What a network gives, (B, T), the standardised targets (B, T), and the mean squared error, ().

    `metrics` are functions of predictions and targets (B, T), both in the targets' own units.
    """

    loss: Tensor
    outputs: Tensor
    targets: Tensor
    scale: Scale
    penalty: Tensor | None = None
    metrics: Mapping[str, Callable[[Tensor, Tensor], Any]] = field(default_factory=dict)

    def outcome(self) -> Outcome:
        outputs, scale = self.outputs.detach(), self.scale
        own = scale.own(outputs), scale.own(self.targets)
        metrics = {name: metric_value(name, metric, *own) for name, metric in self.metrics.items()}
        sums = errors(outputs, self.targets, scale)
        return Outcome(self.loss.detach(), None, len(outputs), (), metrics, sums)


def of_targets(
    scale: Scale,
    loss: Loss = mean_squared_error,
    metrics: Mapping[str, Callable[[Tensor, Tensor], Any]] | None = None,
) -> Callable[[Tensor, Tensor], TargetPassed]:
    """The mean `loss` of what a network gives, (B, T), and of targets (B, T) in their own units."""

    def objective(outputs: Tensor, targets: Tensor) -> TargetPassed:
        wanted = scale.standard(targets)
        found = mean_loss(loss, outputs, wanted.to(outputs.dtype))
        return TargetPassed(found, outputs, wanted, scale, metrics=dict(metrics or {}))

    return objective
