"""What is measured of a trained network: figures with their intervals, as a run's JSON keeps them. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run.files import parse_json, read_file
from dartsl.run.folder import RunFolder
from dartsl.run.kinds import RESULT
from dartsl.run.schema import Check, either, maybe, real, record, table, text, whole
from dartsl.step.perplexity import perplexity
from dartsl.training.intervals import OF_INTERVAL, OF_RANGE, Z95, Interval, Range, wilson
from dartsl.training.numbers import OF_NUMBERS, NumbersMeasured, measured_numbers


@dataclass(frozen=True)
class Measured:
    """A network on some images, or on what else they are called (`of`). `correct5` counts those whose class is among
    the five likeliest; None where there are no more than five classes; `metrics` are the means of those that were
    given."""

    images: int
    loss: float
    correct: int
    correct5: int | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    of: str = "images"

    @property
    def headline(self) -> str:
        """The error in a few words."""
        return f"error {100 * self.top1.error:.2f} %"

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
        own: dict[str, Any] = {"metrics": dict(self.metrics)} if self.metrics else {}
        own |= {"of": self.of} if self.of != "images" else {}
        return {"images": self.images, "loss": self.loss, "top1": asdict(self.top1), "top5": top5, **own}


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
    def headline(self) -> str:
        """The perplexity in a few words."""
        return f"perplexity {self.perplexity:.3f}"

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


Tested = Measured | TextMeasured | NumbersMeasured


OF_IMAGES = record(
    {"images": whole(1), "loss": real, "top1": OF_INTERVAL, "top5": maybe(OF_INTERVAL)},
    {"metrics": table(real), "of": text},
)
OF_TEXT = record({"tokens": whole(1), "windows": whole(1), "loss": OF_RANGE, "perplexity": OF_RANGE})
OF_TEST = either(OF_IMAGES, OF_TEXT, OF_NUMBERS)
_RESULT: Check = record({"test": maybe(OF_TEST)})


def read_result(folder: RunFolder) -> dict[str, Any]:
    """What the `result.json` of a finished training holds. Raises UserError where it is damaged."""
    path = folder.path / RESULT
    try:
        found = parse_json(read_file(path))
        _RESULT(found, "")
    except ValueError:
        raise UserError(f"{path} is damaged, or of another version of dartsl") from None
    return dict(found)


def tested(found: Mapping[str, Any]) -> Tested:
    """What a `record` was made of."""
    if "tokens" in found:
        loss = found["loss"]
        error = None if loss["high"] is None else (loss["high"] - loss["value"]) / Z95
        return TextMeasured(found["tokens"], loss["value"], found["windows"], error)
    if "mse" in found:
        return measured_numbers(found)
    right = [
        None if part is None else found["images"] - round(part["error"] * found["images"])
        for part in (found["top1"], found["top5"])
    ]
    assert right[0] is not None
    return Measured(
        found["images"],
        found["loss"],
        right[0],
        right[1],
        found.get("metrics", {}),
        found.get("of", "images"),
    )
