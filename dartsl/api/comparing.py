"""Runs side by side."""

from __future__ import annotations

from pathlib import Path

from dartsl.api import types
from dartsl.api.specs import RunLike, path_of


def compare(*runs: RunLike, output: str | Path | None = None) -> types.RunComparison:
    """Two searches or more, or two trainings or more, side by side: the settings that differ, what each has reached,
    and how its cells differ from those of the first.

    Runs may be at work: they are compared after the last epoch that each has recorded. `output` names a picture
    (.svg, .png, .pdf) of the curves of at most seven runs.
    Raises UserError for a folder that is not a run or is damaged, and for a search beside a training; SpecError where a
    run's spec was broken.
    """
    from dartsl.graph.render import picture_format
    from dartsl.run.files import write_bytes
    from dartsl.run.plot import FORMATS
    from dartsl.sweeping.comparing import compare_runs, drawn

    target = None if output is None else Path(output)
    kind = None if target is None else picture_format(target, FORMATS)
    found = compare_runs([path_of(run) for run in runs])
    if target is not None and kind is not None:
        write_bytes(target, drawn(found, kind))
    return found


def comparison_picture(found: types.RunComparison, kind: str) -> bytes:
    """The picture of `compare`, as a file of the format `kind`. Raises UserError."""
    from dartsl.sweeping.comparing import drawn

    return drawn(found, kind)
