"""Numbers that are to be predicted, in place of classes (`loss = "mse"`): what they must be, and in which part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.methods import MSE
from dartsl.lang.settings.values import Config

Array = NDArray[Any]


class Wanted(NamedTuple):
    """What of some data is to be predicted, and from what.

    target   the columns of a table that are predicted: the one of the classes, or those of the numbers
    drop     its columns that are left out
    numbers  numbers are predicted, and not classes
    """

    target: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    numbers: bool = False

    @classmethod
    def of(cls, config: Config) -> Wanted:
        """What the settings of a search or a training say, of a network of any kind."""
        return cls(config.target_column, config.drop_column, config.loss == MSE)


CLASSES = Wanted()
MOST = float(np.finfo(np.float32).max)  # in size; a network computes no larger number


def target_values(name: str, part: str, found: Array, several: str) -> Array:
    """The targets of a part, float64 (N, T), from numbers (N,) or (N, T); `several` is what examples are called.

    Raises UserError.
    """
    if found.dtype.kind not in "iuf":
        raise UserError(
            f"{name}: {part} targets are {found.dtype}, not numbers",
            'store numbers; classes are predicted with `loss = "cross_entropy"`',
        )
    if found.ndim not in (1, 2) or 0 in found.shape:
        raise UserError(
            f"{name}: {part} targets have shape {found.shape}",
            f"store one number for each of the {several}, or one row of them: ({several}, targets)",
        )
    values = found.reshape(len(found), -1).astype(
        np.float64
    )  # (N, T): float32 cannot tell 1e9 and 1e9 + 1 apart
    wrong = np.argwhere(~(np.abs(values) <= MOST))
    if len(wrong):
        place = tuple(map(int, wrong[0]))
        raise UserError(
            f"{name}: {part} target {place[0]} is {found.reshape(values.shape)[place]}",
            "a target is a finite float32 number; leave its example out where it is not known",
        )
    return np.require(values, requirements=["C", "W"])


def count_targets(name: str, targets: Mapping[str, Array], names: Sequence[str]) -> int:
    """How many targets there are, alike in all parts. Raises UserError."""
    counts = {part: int(found.shape[1]) for part, found in targets.items()}
    count = counts["training"]
    for part, other in counts.items():
        if other != count:
            raise UserError(f"{name}: training examples have {count} targets, {part} examples {other}")
    if names and len(names) != count:
        raise UserError(f"{name}: {len(names)} names, and {count} targets")
    return count


def target_names(names: Sequence[str], count: int) -> tuple[str, ...]:
    """What targets are called where a data set has no `names` for them."""
    return tuple(names) or (("target",) if count == 1 else tuple(f"target {place}" for place in range(count)))


def require_answers(name: str, numbers: bool, wanted: bool) -> None:
    """Raises UserError for data of classes where numbers are wanted, and the other way round."""
    if wanted and not numbers:
        raise UserError(
            f'{name}: has classes to predict, and `loss = "mse"` is of numbers',
            "leave the loss out, or name data with numbers: an .npz or .csv file, or `diabetes`",
        )
    if numbers and not wanted:
        raise UserError(
            f"{name}: has numbers to predict, and no classes",
            'write `loss = "mse"` in the spec (--loss mse), and let the head end in one output a target',
        )
