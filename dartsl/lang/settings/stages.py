"""The stages of a search, as a setting has them: of each stage its candidates, its epochs, and its network."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real
from typing import Any

from dartsl.lang.records.widths import exact
from dartsl.lang.settings.schedules import MOST

KEEP, EPOCHS, SKIP_DROPOUT, PARTIAL = "keep", "epochs", "skip_dropout", "partial"
OWN = (KEEP, EPOCHS, SKIP_DROPOUT, PARTIAL)  # what a stage has besides parameters of the network
WHOLE = (KEEP, EPOCHS, PARTIAL)  # of these those that are whole numbers from 1
FRESH, CARRIED = "fresh", "kept"  # how a stage begins
FORM = "stages such as `stage(keep = 5, epochs = 25)`"

_STAGE = re.compile(r"\s*stage\s*\(([^()]*)\)\s*(,|\Z)")
_ENTRY = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\s*")


@dataclass(frozen=True)
class SearchStage:
    """A part of a search.

    keep          the most candidates that an edge has; 0: all
    epochs        how many it has, or, where the run has others than its stages together, its share of them; 0: as many
                  as each other stage
    skip_dropout  in place of the setting; None: as that is
    partial       in place of the setting; None: as that is
    parameters    those of the network that are others than in the spec
    """

    keep: int = 0
    epochs: int = 0
    skip_dropout: float | None = None
    parameters: tuple[tuple[str, Fraction], ...] = ()
    partial: int | None = None

    @classmethod
    def of(cls, entries: Mapping[str, Any]) -> SearchStage:
        """A stage of what is written in it. Raises ValueError, with what would be accepted."""
        for name, value in entries.items():
            require_entry(name, value)
        keep, epochs = (int(entries.get(name, 0)) for name in (KEEP, EPOCHS))
        rate = float(entries[SKIP_DROPOUT]) if SKIP_DROPOUT in entries else None
        parts = int(entries[PARTIAL]) if PARTIAL in entries else None
        rest = {n: value for n, value in entries.items() if n not in OWN}
        return cls(keep, epochs, rate, tuple((n, Fraction(str(value))) for n, value in rest.items()), parts)

    def __str__(self) -> str:
        entries: dict[str, object] = {KEEP: self.keep or None, EPOCHS: self.epochs or None}
        entries |= {name: _number(value) for name, value in self.parameters}
        entries |= {SKIP_DROPOUT: self.skip_dropout, PARTIAL: self.partial}
        return f"stage({', '.join(f'{n} = {value}' for n, value in entries.items() if value is not None)})"


@dataclass(frozen=True)
class Stages:
    """The stages of a search, in order; none: the search has no stages."""

    stages: tuple[SearchStage, ...] = ()

    @classmethod
    def of(cls, value: object) -> Stages:
        """Stages, their text, or a list of such, or of what is written in each, by name.

        Raises ValueError, with what would be accepted.
        """
        if isinstance(value, Stages):
            return value
        if isinstance(value, str):
            return cls.joined(_read(value))
        if not isinstance(value, Sequence):
            raise ValueError(FORM)
        found: list[SearchStage] = []
        for each in value:
            if isinstance(each, SearchStage):
                found.append(each)
            elif isinstance(each, str):
                found += _read(each)
            elif isinstance(each, Mapping):
                found.append(SearchStage.of(each))
            else:
                raise ValueError(FORM)
        return cls.joined(found)

    @classmethod
    def joined(cls, stages: Sequence[SearchStage]) -> Stages:
        """Some stages, one after the other. Raises ValueError where they do not go together."""
        most = MOST
        for number, stage in enumerate(stages, start=1):
            if (stage.keep or most) > most:
                raise ValueError(
                    f"stages that keep fewer and fewer candidates: stage {number} keeps {stage.keep}"
                )
            if stage.keep == 0 and most < MOST:
                raise ValueError(f"stages that keep fewer and fewer candidates: stage {number} keeps all")
            most = stage.keep or most
        if len({stage.epochs == 0 for stage in stages}) > 1:
            raise ValueError("stages of which each says its `epochs`, or none does")
        return cls(tuple(stages))

    @property
    def epochs(self) -> int:
        """Those of all stages together; 0 where they do not say."""
        return sum(stage.epochs for stage in self.stages)

    def partials(self, otherwise: int) -> list[int]:
        """The setting `partial` of each stage, where it says none of its own as `otherwise`; that where there are no
        stages."""
        own = [otherwise if stage.partial is None else stage.partial for stage in self.stages]
        return own or [otherwise]

    def ends(self, epochs: int) -> list[int]:
        """How many epochs are over after each stage of a run of `epochs`.

        Raises ValueError where there are too few for each stage to have one.
        """
        shares = [stage.epochs or 1 for stage in self.stages]
        done = [sum(shares[: number + 1]) for number in range(len(shares))]
        ends = [(2 * epochs * each + done[-1]) // (2 * done[-1]) for each in done]  # rounded
        if any(end <= before for before, end in zip([0, *ends], ends, strict=False)):
            raise ValueError(f"{epochs} epochs are too few for {len(shares)} stages")
        return ends

    def shortest(self, epochs: int) -> int:
        """The epochs of the shortest stage of a run of `epochs`; 0 where there are too few for all."""
        try:
            ends = self.ends(epochs)
        except ValueError:
            return 0
        return min(end - before for before, end in zip([0, *ends], ends, strict=False))

    def __iter__(self) -> Iterator[SearchStage]:
        return iter(self.stages)

    def __len__(self) -> int:
        return len(self.stages)

    def __str__(self) -> str:
        return ", ".join(map(str, self.stages))


def require_entry(name: str, value: Any) -> None:
    """Raise ValueError, with what would be accepted, for a value that a stage cannot have under a name."""
    numeric = isinstance(value, Real) and not isinstance(value, bool)  # NumPy's numbers are, too
    if not numeric or not math.isfinite(value):
        raise ValueError(f"a number for `{name}`")
    if name in WHOLE and not (value == int(value) and 1 <= value <= MOST):
        raise ValueError(f"a whole number from 1 for `{name}`")
    if name == SKIP_DROPOUT and not 0 <= value <= 1:
        raise ValueError(f"a number from 0 to 1 for `{name}`")


def _read(text: str) -> list[SearchStage]:
    """The stages of a text, separated by commas, in brackets or without."""
    rest = text.strip()
    if rest.startswith("[") and rest.endswith("]"):
        rest = rest[1:-1]
    found = []
    while rest.strip():
        stage = _STAGE.match(rest)
        if stage is None:
            raise ValueError(FORM)
        found.append(SearchStage.of(_entries(stage[1])))
        rest = rest[stage.end() :]
    return found


def _entries(text: str) -> dict[str, int | Fraction]:
    found: dict[str, int | Fraction] = {}
    parts = text.rstrip().removesuffix(",").split(",") if text.strip() else []
    for part in parts:
        entry = _ENTRY.fullmatch(part)
        # None for an exponent that is slow to write out, too
        value = None if entry is None else exact(entry[2])
        if entry is None or value is None or entry[1] in found:
            raise ValueError(FORM)
        found[entry[1]] = int(value) if value.denominator == 1 else value
    return found


def _number(value: Fraction) -> str:
    """As it is written: a whole number, or one with a dot."""
    return str(value.numerator) if value.denominator == 1 else repr(float(value))
