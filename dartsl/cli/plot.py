"""`dartsl plot`."""

from __future__ import annotations

from pathlib import Path

import click

from dartsl.cli.options import command, output_option, run_argument
from dartsl.cli.output import STDOUT, deliver, written


@command("plot")
@run_argument
@click.option(
    "--to",
    type=click.Choice(["svg", "png", "pdf"]),
    help="Format, if no file name determines it. [svg]",
)
@output_option("The picture: .svg, .png or .pdf. [curves.svg in the run's folder]")
def plot_command(run: Path, to: str | None, output: Path | None) -> None:
    """Plot the learning curves of a RUN: loss, accuracy, R2 or perplexity per epoch.

    For a search, also the entropy of each cell, the weight of each operation over the edges of a cell (a
    skip_connect that gains on all others is a search that collapses), and the mixing weights of the candidates of
    each edge. For a training, also the learning rate. A run that is not finished is plotted up to its last epoch.

    \b
    Examples:
      dartsl plot runs/digits
      dartsl plot runs/digits-trained -o trained.pdf
      dartsl plot runs/digits --to png -o - > curves.png
    """
    from dartsl.api.drawing import picture, plot

    if output == STDOUT or (output is not None and to is not None):
        found = picture(run, to or "svg")
        deliver(found.decode() if to in (None, "svg") else found, output)
    else:
        written([plot(run, output)])
