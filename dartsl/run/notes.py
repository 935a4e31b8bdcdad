"""What is said of a run besides its progress: printed where that goes, and logged as `dartsl` by Python's `logging`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.render import render
from dartsl.lang.syntax.paths import printable

if TYPE_CHECKING:
    from rich.console import Console

LOG = logging.getLogger("dartsl")
LOG.addHandler(logging.NullHandler())  # else Python prints warnings itself, once more


def say(line: str, console: Console, level: int = logging.WARNING) -> None:
    """Say a line."""
    console.print(line, highlight=False, markup=False, soft_wrap=True)
    LOG.log(level, "%s", line)


def say_notes(notes: Sequence[str], console: Console) -> None:
    """Say what a user should know: how the data was understood, what settings do nothing. One line each."""
    for note in notes:
        say(f"note: {printable(note)}", console)


def log_warnings(warnings: Sequence[Diagnostic]) -> None:
    """Log the warnings of a spec, which a command prints."""
    for warning in warnings:
        LOG.warning("%s", render([warning]))
