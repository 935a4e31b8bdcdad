"""What a user gives a run from Python that no file holds: data, a loss, metrics. No torch.

A run records what they are called, and goes on only where they are given again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

from dartsl.lang.codes.diagnostics import UserError

if TYPE_CHECKING:
    from torch.utils.data import Dataset

    from dartsl.data.given import Data
    from dartsl.step.own import Loss, Metric

TAKEN = ("loss", "acc", "accuracy", "top5", "r2", "mae", "mse")


@dataclass(frozen=True)
class Given:
    """What is given, each in place of what the settings say.

    data     a data set of (image, label), or (training, validation), or (training, validation, test)
    loss     of logits (B, classes) and labels (B,) the mean loss (), in place of the cross entropy; where numbers are
             predicted of outputs and targets (B, T), both standardised, in place of the mean squared error
    metrics  of logits and labels a number, by name: their means are reported beside loss and accuracy. Where numbers
             are predicted they are functions of predictions and targets (B, T), in the targets' own units
    """

    data: Data | None = None
    loss: Loss | None = None
    metrics: Mapping[str, Metric] = field(default_factory=dict)

    @property
    def own_code(self) -> bool:
        """Whether a step calls code of the user's own."""
        return self.loss is not None or bool(self.metrics)

    def names(self) -> dict[str, str]:
        """What each part that is given is called: what `run.json` records."""
        found = {
            "data": None if self.data is None else ", ".join(map(name_of, sets_of(self.data))),
            "loss": None if self.loss is None else name_of(self.loss),
            "metrics": ", ".join(self.metrics) or None,
        }
        return {part: name for part, name in found.items() if name is not None}

    def __post_init__(self) -> None:
        """Raises UserError for a metric without a name or with that of what is measured anyway, and for what cannot be
        called."""
        named = isinstance(self.metrics, Mapping) and all(
            name and isinstance(name, str) for name in self.metrics
        )
        if not named:
            raise UserError("metrics are functions by name", 'give a dict, such as {"f1": f1}', exit_code=2)
        if isinstance(self.data, str | PathLike):
            raise UserError(
                f"`{self.data}` names data, and a run goes on with those that it was started with",
                "leave `data` out: it stands for data sets that a run was given from Python",
                exit_code=2,
            )
        functions = {"the loss": self.loss} if self.loss is not None else {}
        for what, function in {
            **functions,
            **{f"the metric `{n}`": m for n, m in self.metrics.items()},
        }.items():
            if not callable(function):
                raise UserError(f"{what} is not a function of logits and labels", exit_code=2)
            if isinstance(function, type):
                name = function.__name__
                raise UserError(f"{what} is the class {name}", f"give an object of it: {name}()", exit_code=2)
        for name in self.metrics:
            if name in TAKEN:
                raise UserError(f"a metric cannot be called `{name}`, which is measured anyway", exit_code=2)


NOTHING = Given()


def sets_of(data: Data) -> tuple[Dataset[Any], ...]:
    """The data sets that are given: one, or a tuple of several."""
    return data if isinstance(data, tuple) else (data,)


def name_of(given: object) -> str:
    """What a user calls it: a function's own name, or that of its class."""
    return str(getattr(given, "__qualname__", type(given).__qualname__))


def require_none(given: Given) -> None:
    """Raise UserError where anything is given for a network of text."""
    if names := given.names():
        raise UserError(
            f"{', '.join(names)} from Python are for networks of images, and this one reads text",
            "name a text by the setting `data`",
        )


def require_given(recorded: Mapping[str, str], given: Given) -> None:
    """Raise UserError unless what is given has the names that a run has recorded."""
    names = given.names()
    for part in ("data", "loss", "metrics"):
        before, now = recorded.get(part), names.get(part)
        if before is not None and now is None:
            raise UserError(
                f"the run was started with {part} given from Python, `{before}`",
                f"give the same again, from Python: dartsl.resume(run, {part}=...)",
            )
        if before != now:
            was = "none" if before is None else f"`{before}`"
            raise UserError(f"the {part} given are `{now}`, and the run was started with {was}")
