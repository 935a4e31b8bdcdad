"""What is measured of a network that predicts numbers (`loss = "mse"`): figures with their intervals. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dartsl.run.schema import maybe, real, record, table, text, whole
from dartsl.training.intervals import OF_RANGE, Z95, Range, range_text

OWN = ".4g"  # how a number in a unit that nobody knows is written

OF_NUMBERS = record(
    {
        "examples": whole(1),
        "of": text,
        "mse": OF_RANGE,
        "r2": maybe(real),
        "mae": OF_RANGE,
        "targets": table(record({"r2": maybe(real), "mae": real}, closed=True)),
    },
    {"metrics": table(real)},
)


@dataclass(frozen=True)
class NumbersMeasured:
    """A network that predicts numbers, on some examples.

    examples  how many, and what they are called (`of`)
    mse       the mean squared error of the standardised targets: the loss
    r2        1 less the squared errors' part of the variance of the targets in these examples, the mean over targets;
              None where a target does not differ
    mae       the mean absolute error in the targets' own units, the mean over targets
    targets   both of each target, by its name
    metrics   the means of those that were given
    """

    examples: int
    of: str
    mse: Range
    r2: float | None
    mae: Range
    targets: Mapping[str, Mapping[str, float | None]]
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """What it comes to in a few words."""
        return f"R2 {r2_text(self.r2)}"

    def record(self) -> dict[str, Any]:
        """As JSON."""
        found = {name: value for name, value in asdict(self).items() if name != "metrics" or value}
        return {"examples": found.pop("examples"), **found}


def measured_numbers(found: Mapping[str, Any]) -> NumbersMeasured:
    """What a `record` was made of."""
    ranges = {name: Range(**found[name]) for name in ("mse", "mae")}
    return NumbersMeasured(**{**found, **ranges})


def mean_range(total: float, squares: float, count: int) -> Range:
    """A mean of `count` figures, from their sum and that of their squares, -+ 1.96 standard errors: normal, and the
    figures taken as independent. They are not below 0, so the interval is not; None for its ends of a single one."""
    mean = total / count
    if count < 2:
        return Range(mean, None, None)
    half = Z95 * math.sqrt(max(0.0, squares - total * mean) / (count - 1) / count)
    return Range(mean, max(0.0, mean - half), mean + half)


def r2_text(value: float | None) -> str:
    """As `0.487`."""
    return "-" if value is None else f"{value:.3f}"


def own_text(value: float | None) -> str:
    """A number in a target's own unit, whatever that is: as `43.12`, `0.0001234`, `1.235e+07`."""
    return "-" if value is None else f"{value:{OWN}}"


def lines_of(test: NumbersMeasured) -> list[str]:
    """What a report says of it."""
    each = test.targets.items() if len(test.targets) > 1 else ()
    return [
        f"test        mean squared error {range_text(test.mse, '.4f')}, of standardised targets",
        f"            R2 {r2_text(test.r2)} on {test.examples:,} {test.of}",
        f"            mean absolute error {range_text(test.mae, OWN)}, in the targets' own units",
        *(
            f"            {name}: R2 {r2_text(f['r2'])}, mean absolute error {own_text(f['mae'])}"
            for name, f in each
        ),
        *(f"{name:<11} {value:.4f}" for name, value in test.metrics.items()),
    ]
