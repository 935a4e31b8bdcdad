"""What runs are called, and paths that still hold from another folder. No torch."""

from __future__ import annotations

from pathlib import Path

from dartsl.data.named import is_embedded
from dartsl.lang.codes.source import Source
from dartsl.run.layout import RUN

RUNS = Path("runs")  # where a run goes that was given no folder


def stem(source: Source) -> str:
    """The name of a run of a spec: `digits` for digits.darts, `spec` for text from nowhere; of what lies in a run's
    folder, as a found spec does, that folder's name."""
    path = source.path
    if path is None:
        return "spec"
    return path.resolve().parent.name if (path.parent / RUN).exists() else path.stem


def absolute(data: str) -> str:
    """A path that still names the data when the run goes on from another folder."""
    if not data or is_embedded(data):
        return data
    path = Path(data).expanduser()
    return str(path.resolve()) if path.exists() else data
