"""What an exported network takes and gives: the line that `dartsl export` prints, and the metadata of every file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dartsl
from dartsl.lang.plan.terms import Plan
from dartsl.lang.records.inputs import Series, Tokens
from dartsl.lang.syntax.paths import printable
from dartsl.run.inputs import ImageInputs, Inputs, TextInputs

MOST_COLUMNS = 20  # of a table, named on one line


@dataclass(frozen=True)
class About:
    """A network as its export describes it.

    inputs      what the run has kept; None for fresh weights, which were never given an image
    vocabulary  of a network of text
    normalised  whether the program normalises images itself, and gives numbers in their own units
    uint8       whether it takes them as uint8, and else as floats of `dtype`
    """

    plan: Plan
    dtype: str
    inputs: Inputs | None = None
    vocabulary: tuple[str, ...] = ()
    normalised: bool = False
    uint8: bool = False

    @property
    def takes(self) -> str:
        """What the network takes, on one line."""
        if isinstance(self.plan.input, Tokens):
            words = "characters" if self._level == "char" else "words"
            return f"int64 tokens (T, B), numbers of {self.plan.classes:,} {words}"
        shape = f"(B, {', '.join(map(str, self.plan.input.shape.outer))})"
        kind = self.plan.input.kind
        if kind == Series.kind:
            shape += " channels first (swap the last two axes of stored (N, length, channels))"
        if not isinstance(self.inputs, ImageInputs):
            return f"{self.dtype} {kind}, normalised, {shape}"
        known = f"mean {_short(self.inputs.mean)}, std {_short(self.inputs.std)}"
        if self.inputs.columns:
            known = f"columns {_named(self.inputs.columns)}"
        if not self.normalised:
            of = "" if self.inputs.floats else " of x in 0..1"
            return f"{self.dtype} {kind}, normalised, {shape}: (x - mean) / std{of} ({known})"
        if not self.inputs.floats:
            taken = "uint8 images" if self.uint8 else f"{self.dtype} images in 0..1"
        else:
            taken = f"{self.dtype} {kind} with their numbers as stored"
        return f"{taken}, {shape}, normalised inside ({known})"

    def record(self) -> dict[str, Any]:
        """As JSON."""
        found: dict[str, Any] = {
            "dartsl": dartsl.__version__,
            "network": self.plan.network.name,
            "takes": self.takes,
            "dtype": self.dtype,
        }
        return found | (self._of_text() if isinstance(self.plan.input, Tokens) else self._of_images())

    def _of_text(self) -> dict[str, Any]:
        if not isinstance(self.inputs, TextInputs):
            return {}
        return {"level": self.inputs.level, "vocabulary": list(self.vocabulary)}

    def _of_images(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "shape": list(self.plan.input.shape.outer),
            "normalised": "inside" if self.normalised else "outside",
        }
        if isinstance(self.inputs, ImageInputs):
            found |= {
                "mean": list(self.inputs.mean),
                "std": list(self.inputs.std),
                "resize": self.inputs.resize,
                **({"columns": [list(each) for each in self.inputs.columns]} if self.inputs.columns else {}),
                **self._answers(self.inputs),
            }
        return found

    def _answers(self, inputs: ImageInputs) -> dict[str, Any]:
        """What the outputs stand for."""
        if not inputs.numbers:
            return {"classes": list(inputs.classes)}
        return {
            "targets": list(inputs.classes),
            "target_mean": list(inputs.target_mean),
            "target_std": list(inputs.target_std),
            "outputs": "in the targets' own units" if self.normalised else "standardised",
        }

    def texts(self) -> dict[str, str]:
        """The same for metadata that only hold text: what is not a string stands as JSON."""
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in self.record().items()
        }

    @property
    def _level(self) -> str:
        return self.inputs.level if isinstance(self.inputs, TextInputs) else "word"


def _named(columns: Sequence[tuple[str, Sequence[str]]]) -> str:
    """The columns of a table in their order, and how many features a categorical one makes."""
    names = [
        f"{printable(name)} ({len(categories)} categories)" if categories else printable(name)
        for name, categories in columns
    ]
    more = len(names) - MOST_COLUMNS
    return ", ".join([*names[:MOST_COLUMNS], *([f"{more} more"] if more > 0 else [])])


def _short(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:.3g}" for number in numbers)
