"""The report of a sweep. No torch."""

from __future__ import annotations

import json
from pathlib import Path

from dartsl.api.arguments import require
from dartsl.api.specs import RunLike, path_of
from dartsl.lang.codes.diagnostics import UserError

FORMATS = {  # and how the names of their files end
    "html": (".html", ".htm"),
    "markdown": (".md", ".markdown"),
    "json": (".json",),
}


def report(
    sweep: RunLike, output: str | Path | None = None, *, format: str | None = None, times: bool = True
) -> str:
    """What a sweep has come to, as the text of a report: its protocol, the figures of each arm, differences to random
    architectures with their confidence intervals, what may be said of them in words, costs, and how to reproduce it.

    output   a file to write, too
    format   `html` (one page that needs no network), `markdown` or `json`; by default what the name of `output` ends
             with, else `markdown`
    times    with the seconds of the jobs. Without them a sweep that was stopped and went on has the same report

    A sweep that is not finished has a report of what is there, which says so. Raises UserError for a folder that is
    none of a sweep, or is damaged; SpecError where an architecture in it was broken.
    """
    from dartsl.run.files import write_text
    from dartsl.sweeping.evidence import as_json
    from dartsl.sweeping.markdown import markdown
    from dartsl.sweeping.pages.page import html
    from dartsl.sweeping.results import read_results
    from dartsl.sweeping.weighing import weigh

    require(times=times)
    kind = format_of(None if output is None else Path(output), format)
    results = read_results(path_of(sweep))
    found = weigh(results, times=times)
    if kind == "json":
        text = json.dumps(as_json(found), indent=2, allow_nan=False) + "\n"
    else:
        text = html(found, results) if kind == "html" else markdown(found)
    if output is not None:
        write_text(Path(output), text)
    return text


def format_of(output: Path | None, format: str | None) -> str:
    """The format that is asked for by name, or by that of a file. Raises UserError where they disagree."""
    if format is not None and format not in FORMATS:
        raise UserError(f"there is no format `{format}`", "one of " + ", ".join(FORMATS), exit_code=2)
    suffix = "" if output is None else output.suffix.lower()
    named = next((name for name, suffixes in FORMATS.items() if suffix in suffixes), None)
    if format is not None and named not in (None, format):
        raise UserError(f"{output} is the name of a file in the format {named}, not {format}", exit_code=2)
    return format or named or "markdown"
