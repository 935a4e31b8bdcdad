"""What the picture of a run shows, as plain data: learning curves and shares of operations. No torch.

`dartsl.run.plot` draws it, and TensorBoard gets the learning curves under the same names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from dartsl.run.files import Row

(
    LOSS,
    SQUARES,
    ACCURACY,
    R2,
    ABSOLUTE,
    PERPLEXITY,
    ENTROPY,
    PENALTY,
    COST,
    CURVATURE,
    SKIPS,
    FROZEN,
    SCHEDULE,
    CANDIDATES,
    RATE,
    DROP_PATH,
    SECONDS,
) = (
    "loss",
    "mean squared error",
    "accuracy",
    "R2",
    "mean absolute error",
    "perplexity",
    "entropy",
    "penalty",
    "cost",
    "curvature",
    "skip connections",
    "frozen operations",
    "schedule",
    "candidates",
    "learning rate",
    "drop path",
    "seconds",
)
# What is above is not a point of a curve: NaN, infinities, and the perplexity of a loss that diverged.
LARGEST = 1e100
# Panel, line, and where a row has the number; an entry that holds a table (cell: number) gives a line for each name.
_ENTRIES = (
    (LOSS, "training", ("train_loss",)),
    (LOSS, "validation", ("validation_loss",)),
    (LOSS, "validation", ("validation", "val_loss")),
    (ACCURACY, "training", ("train_accuracy",)),
    (ACCURACY, "validation", ("validation_accuracy",)),
    (ACCURACY, "validation", ("validation", "val_acc")),
    (ACCURACY, "top 5", ("validation", "val_top5")),
    (R2, "training", ("train_r2",)),
    (R2, "validation", ("validation_r2",)),
    (R2, "validation", ("validation", "val_r2")),
    (ABSOLUTE, "training", ("train_mae",)),
    (ABSOLUTE, "validation", ("validation_mae",)),
    (ABSOLUTE, "validation", ("validation", "val_mae")),
    (PERPLEXITY, "training", ("train_perplexity",)),
    (PERPLEXITY, "validation", ("validation_perplexity",)),
    (PERPLEXITY, "validation", ("validation", "val_ppl")),
    (ENTROPY, "entropy", ("entropy",)),
    (PENALTY, "penalty", ("penalties",)),
    (COST, "expected", ("cost",)),
    (CURVATURE, "eigenvalue", ("curvature",)),
    (SKIPS, "skips", ("skips",)),
    (FROZEN, "frozen", ("frozen",)),
    (SCHEDULE, "value", ("schedules",)),
    (CANDIDATES, "candidates", ("candidates",)),
    (RATE, "lr", ("lr",)),
    (DROP_PATH, "probability", ("drop_path",)),
    (SECONDS, "epoch", ("seconds",)),
)


@dataclass(frozen=True)
class Line:
    """A named number over the epochs: (epoch, value) points, the first epoch first."""

    name: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Panel:
    """Lines that share an axis; `title` is one of the names above. Losses and entropies are in nats.

    of  the line that they are in several runs, whose numbers are then their names; else empty
    """

    title: str
    lines: tuple[Line, ...]
    of: str = ""


@dataclass(frozen=True)
class EdgeShares:
    """A searched edge over the epochs, and what discretisation makes of it after the last one.

    weights   for each candidate its mixing weight after each epoch
    strongest the column of the candidate that would win the edge
    lead      of its last weight over the next one that could win; None without one
    kept      whether the edge would stay
    even      the weight of each candidate while none is preferred
    share     what the edge counts among those into its node after the last epoch; None where that is not learnt
    """

    name: str
    target: str
    labels: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    strongest: int
    lead: float | None
    kept: bool
    even: float
    share: float | None = None


@dataclass(frozen=True)
class CellShares:
    """The searched edges of a cell, in the order of its alphas, over some epochs."""

    name: str
    epochs: tuple[int, ...]
    edges: tuple[EdgeShares, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """All operations that its edges offer, in the order in which they are first met."""
        return tuple(dict.fromkeys(label for edge in self.edges for label in edge.labels))

    def means(self) -> tuple[Line, ...]:
        """For each operation the mean of its weights over the edges (0 where an edge lacks it).

        Where the weights of an edge add up to 1, so do these."""
        totals = {label: [0.0] * len(self.epochs) for label in self.labels}
        for edge in self.edges:
            for label, weights in zip(edge.labels, edge.weights, strict=True):
                totals[label] = [sum(both) for both in zip(totals[label], weights, strict=True)]
        return tuple(
            Line(label, tuple((e, v / len(self.edges)) for e, v in zip(self.epochs, values, strict=True)))
            for label, values in totals.items()
        )


def curves(rows: Sequence[Row]) -> list[Panel]:
    """The panels of a history, those without a single number left out.

    Raises ValueError for rows that no session writes: epochs that do not rise, or something that is not a number.
    """
    epochs = [epoch for row in rows if type(epoch := row.get("epoch")) is int]
    if len(epochs) < len(rows) or any(before >= epoch for before, epoch in pairwise(epochs)):
        raise ValueError("its epochs are not in order")
    panels: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for epoch, row in zip(epochs, rows, strict=True):
        for title, name, value in _numbers(row):
            panels.setdefault(title, {}).setdefault(name, []).append((epoch, value))
    order = dict.fromkeys([LOSS, SQUARES, *(title for title, _, _ in _ENTRIES)])
    return [
        Panel(title, tuple(Line(name, tuple(points)) for name, points in panels[title].items()))
        for title in order
        if title in panels
    ]


def side_by_side(runs: Sequence[Sequence[Panel]], titles: Sequence[str]) -> list[Panel]:
    """A panel for each line that the panels of `titles` have in some run: the runs' lines, named 1, 2, ..."""
    found: dict[tuple[str, str], list[Line]] = {}
    for number, panels in enumerate(runs, start=1):
        for panel in panels:
            for line in panel.lines:
                found.setdefault((panel.title, line.name), []).append(Line(str(number), line.points))
    kept = sorted((key for key in found if key[0] in titles), key=lambda key: titles.index(key[0]))
    return [Panel(title, tuple(found[title, name]), name) for title, name in kept]


def averaged_since(rows: Sequence[Row]) -> int | None:
    """The first epoch whose figures are those of averaged weights (ASGD); None where there is none."""
    return next((row["epoch"] for row in rows if row.get("averaged") is True), None)


def _numbers(row: Row) -> Iterator[tuple[str, str, float]]:
    """Panel, line and value of each number in a row; what is missing, null or beyond all bounds is passed over."""
    for title, name, place in _ENTRIES:
        value: Any = row
        for key in place:
            if value is not None and not isinstance(value, dict):
                raise ValueError(f"`{place[0]}` of epoch {row['epoch']} is not what it was")
            value = None if value is None else value.get(key)
        found = value.items() if isinstance(value, dict) else [(name, value)]
        for line, number in found:
            if number is None:
                continue
            if type(number) not in (int, float):
                raise ValueError(f"`{place[0]}` of epoch {row['epoch']} is not a number")
            try:
                value = float(number)
            except OverflowError:
                raise ValueError(f"`{place[0]}` of epoch {row['epoch']} is too large") from None
            if abs(value) < LARGEST:  # NaN is not
                yield SQUARES if title == LOSS and "train_mae" in row else title, line, value
