"""The cells of a search as they would have been derived after each epoch. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.run.folder import RunFolder
from dartsl.run.kinds import ALPHAS
from dartsl.searching.derive import rederive
from dartsl.sweeping.pages.diagrams import without_comments
from dartsl.sweeping.pages.markup import Markup, element


@dataclass(frozen=True)
class Frames:
    """The cells of a search over its epochs: each distinct text once, and for each epoch the number of its text."""

    texts: tuple[str, ...]
    epochs: tuple[tuple[int, int], ...]


def frames(run: Path) -> Frames:
    """What would have been derived after each epoch. Raises UserError where no alphas are recorded."""
    texts: dict[str, tuple[int, str]] = {}
    epochs = []
    for row in RunFolder.open(run).rows(ALPHAS):
        text = rederive(run, row["epoch"])
        number, _ = texts.setdefault(without_comments(text), (len(texts), text))
        epochs.append((row["epoch"], number))
    if not epochs:
        raise UserError(f"{run} has no epoch yet to derive from")
    return Frames(tuple(text for _, text in texts.values()), tuple(epochs))


def tried(error: UserError | SpecError) -> Markup:
    """In place of what cannot be shown."""
    return element("p", f"Not shown: {error}", class_="note")
