"""`dartsl draw` and `dartsl diff`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from dartsl.cli.options import complete_spec, format_option, output_option, spec_argument
from dartsl.cli.output import say_json


@click.command("draw")
@spec_argument
@click.option("--cell", metavar="NAME", help="Draw this cell alone.")
@click.option("--network", metavar="NAME", help="Draw the cells of this network.")
@click.option("--epoch", type=click.IntRange(min=1), help="Of a run: draw it as of this epoch.")
@output_option("The picture: .svg, .png, .pdf or .dot. Without it DOT text goes to stdout.")
def draw_command(
    spec: str, cell: str | None, network: str | None, epoch: int | None, output: Path | None
) -> None:
    """Draw the cells of a SPEC, or of a run, from left to right.

    A search space shows what each edge offers. A run's folder in place of SPEC shows each edge's strongest
    operation, the wider the more it weighs, and dashed where the search drops the edge. Beside a picture its
    DOT text is kept.

    \b
    Examples:
      dartsl draw zoo/darts_v2 -o darts_v2.svg
      dartsl draw darts_cnn --cell normal -o space.pdf
      dartsl draw runs/digits -o run.png
    """
    from dartsl.api import draw
    from dartsl.graph.render import picture_format

    if output is not None:
        picture_format(output)
    text = draw(spec, output, cell=cell, network=network, epoch=epoch)
    if output is None:
        click.echo(text, nl=False)
    else:
        click.echo(f"wrote {output}", err=True)


@click.command("diff")
@click.argument("first", shell_complete=complete_spec, metavar="A")
@click.argument("second", shell_complete=complete_spec, metavar="B")
@format_option
@click.pass_context
def diff_command(ctx: click.Context, first: str, second: str, format_: str) -> None:
    """Compare the cells of two specs by their edges.

    The order of edges counts only where they are not summed. The exit code is 1 where the specs differ.

    \b
    Examples:
      dartsl diff zoo/darts_v1 zoo/darts_v2
      dartsl diff runs/a/found.darts runs/b/found.darts --format json
    """
    from dartsl.cli.options import read_spec
    from dartsl.graph.diff import diff_specs

    found = diff_specs(read_spec(first), read_spec(second))
    if format_ == "json":
        cells: list[dict[str, Any]] = [
            {"name": cell.name, "equal": cell.equal, "removed": cell.removed, "added": cell.added}
            for cell in found.cells
        ]
        say_json(
            {
                "first": first,
                "second": second,
                "equal": found.equal,
                "cells": cells,
                "only_first": found.only_first,
                "only_second": found.only_second,
            }
        )
    else:
        for cell in found.cells:
            click.echo(f"cell {cell.name}" + (": the same" if cell.equal else ""))
            _lines("-", cell.removed, "red")
            _lines("+", cell.added, "green")
        for name, where in [(n, first) for n in found.only_first] + [(n, second) for n in found.only_second]:
            click.echo(f"cell {name}: only in {where}")
    ctx.exit(0 if found.equal else 1)


def _lines(sign: str, texts: Iterable[str], colour: str) -> None:
    for text in texts:
        click.secho(f"  {sign} {text}", fg=colour)
