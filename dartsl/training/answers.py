"""What the outputs of a trained network stand for, classes or numbers: what is measured and said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from torch import Tensor, nn

from dartsl.lang.settings.values import TrainConfig
from dartsl.run.given import Given
from dartsl.run.inputs import ImageInputs
from dartsl.step.batches import ImageBatch
from dartsl.step.tally import Figures
from dartsl.step.targets import Scale
from dartsl.training.evaluation import measured, measured_numbers
from dartsl.training.measured import Measured
from dartsl.training.numbers import NumbersMeasured, own_text, r2_text

Forward = Callable[[Tensor], Tensor]


class Answers(Protocol):
    """What differs between networks that predict classes and those that predict numbers.

    shown    what is reported beside the loss: properties of `Figures`, and their names in a display
    targets  numbers that are predicted
    scale    of these; None: classes are predicted
    """

    shown: Mapping[str, str]
    targets: int
    scale: Scale | None

    def measure(
        self, model: nn.Module, forward: Forward, batches: Iterable[ImageBatch]
    ) -> Measured | NumbersMeasured | None:
        """A network in evaluation mode, by `forward`; None where there is no example."""

    def said(self, validation: Mapping[str, Any]) -> str:
        """What the row of an epoch has of its validation, in words."""


class Classes:
    """The outputs are logits, one a class."""

    shown: Mapping[str, str] = {"accuracy": "acc"}
    targets = 0
    scale: Scale | None = None

    def __init__(self, given: Given) -> None:
        self._given = given

    def measure(self, model: nn.Module, forward: Forward, batches: Iterable[ImageBatch]) -> Measured | None:
        return measured(model, forward, batches, self._given)

    def said(self, validation: Mapping[str, Any]) -> str:
        return f"error {100 * (1 - validation['val_acc']):.2f} %"


class Numbers:
    """The outputs are standardised targets."""

    shown: Mapping[str, str] = {"r2": "R2", "mae": "MAE"}

    def __init__(self, inputs: ImageInputs, config: TrainConfig, given: Given) -> None:
        self._inputs, self._given = inputs, given
        self.targets = len(inputs.classes)
        self.scale: Scale | None = Scale.of(inputs.target_mean, inputs.target_std, config.device)

    def measure(
        self, model: nn.Module, forward: Forward, batches: Iterable[ImageBatch]
    ) -> NumbersMeasured | None:
        return measured_numbers(model, forward, batches, self._inputs, self._given)

    def said(self, validation: Mapping[str, Any]) -> str:
        return f"R2 {r2_text(validation['val_r2'])}, mean absolute error {own_text(validation['val_mae'])}"


def answers_of(inputs: ImageInputs, config: TrainConfig, given: Given) -> Answers:
    """Those of a training on such data."""
    return Numbers(inputs, config, given) if inputs.numbers else Classes(given)


def of_figures(answers: Answers, found: Figures) -> dict[str, float | None]:
    """What is reported beside the loss, by the names of the history."""
    return {name: getattr(found, name) for name in answers.shown}


def of_validation(found: Measured | NumbersMeasured | None) -> dict[str, float | None]:
    """What the row of an epoch has of its validation."""
    if found is None:
        return {}
    own = {f"val_{name}": value for name, value in found.metrics.items()}
    if isinstance(found, NumbersMeasured):
        return {"val_loss": found.mse.value, "val_r2": found.r2, "val_mae": found.mae.value, **own}
    top5 = None if found.top5 is None else 1 - found.top5.error
    return {"val_loss": found.loss, "val_acc": found.accuracy, "val_top5": top5, **own}
