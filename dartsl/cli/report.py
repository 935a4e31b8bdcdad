"""`dartsl report`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dartsl.cli.options import command, output_option
from dartsl.cli.output import STDOUT, answer, deliver


@command("report", more=("markdown", "html"))
@click.argument("sweep", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="SWEEP")
@click.option("--times/--no-times", default=True, show_default=True, help="With the seconds of the jobs.")
@output_option("The report: .html, .md or .json. Without it Markdown goes to stdout.")
def report_command(sweep: Path, times: bool, output: Path | None, format: str) -> None:
    """Report what a SWEEP has come to: what was searched and found is compared with chance.

    A report has the protocol; for each recipe the figures of each arm, the differences to random architectures with
    their confidence intervals, and in words what may be said of them; random search at equal cost; costs and seconds;
    jobs that have failed or are not done; versions and the command to reproduce it. A sweep that is not finished has a
    report of what is there. As .html it is one page that opens without a network, and shows every cell. With --no-times
    the same sweep has the same report, wherever it was stopped.

    \b
    Examples:
      dartsl report runs/digits-sweep
      dartsl report runs/digits-sweep -o report.html
      dartsl report runs/digits-sweep --no-times -o report.md
      dartsl report runs/digits-sweep --format json -o report.json
    """
    from dartsl.api.reporting import format_of, report

    file = None if output == STDOUT else output
    kind = format_of(file, None if format == "text" else format)
    text = report(sweep, format=kind, times=times)
    if file is None and kind == "json":
        answer(json.loads(text), "")
    else:
        deliver(text, output)
