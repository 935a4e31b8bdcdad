"""`dartsl plot`."""

from __future__ import annotations

from pathlib import Path

import click

from dartsl.cli.options import output_option
from dartsl.lang.diagnostics import UserError


@click.command("plot")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@output_option("The picture: .svg, .png or .pdf. [curves.svg in the run's folder]")
def plot_command(run: Path, output: Path | None) -> None:
    """Draw how a RUN went: loss, accuracy or perplexity by epoch.

    Of a search also the entropy of each cell, the weight of each operation over a cell's edges (skip_connect gaining
    on all others is a search that collapses), and for each edge the mixing weights of its candidates. Of a training
    also the learning rate. A run that is at work or was interrupted is drawn as far as it has come.

    \b
    Examples:
      dartsl plot runs/digits
      dartsl plot runs/digits-trained -o trained.pdf
    """
    from dartsl.plotting import plot

    if not run.is_dir():
        raise UserError(f"there is no run folder {run}", exit_code=2)
    click.echo(f"wrote {plot(run, output)}", err=True)
