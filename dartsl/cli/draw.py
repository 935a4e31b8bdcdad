"""`dartsl draw` and `dartsl diff`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from dartsl.cli.options import command, complete_spec, output_option, read_spec, spec_argument
from dartsl.cli.output import STDOUT, WRONG_USE, answer, current, deliver, written
from dartsl.cli.watch import require_watchable, watch, watch_option


@command("draw")
@spec_argument
@click.option("--cell", metavar="NAME", help="Draw only this cell.")
@click.option("--network", metavar="NAME", help="Draw the cells of this network.")
@click.option("--epoch", type=click.IntRange(min=1), help="Draw the run after this epoch.")
@click.option(
    "--to",
    type=click.Choice(["dot", "svg", "png", "pdf"]),
    help="Format, if no file name determines it. [dot]",
)
@output_option("The picture: .svg, .png, .pdf or .dot. Without it DOT text goes to stdout.")
@watch_option("Draw again whenever the spec, what it imports, or the run changes; with -o FILE.")
@click.pass_context
def draw_command(
    ctx: click.Context,
    spec: str,
    cell: str | None,
    network: str | None,
    epoch: int | None,
    to: str | None,
    output: Path | None,
    watching: bool,
) -> None:
    """Draw the cells of a SPEC, or of a run, from left to right.

    For a search space, each edge shows its candidates. For the folder of a search, each edge shows its strongest
    operation: the wider the line the larger its mixing weight, and dashed if the edge is dropped. The DOT text is
    written next to the picture.

    \b
    Examples:
      dartsl draw zoo/darts_v2 -o darts_v2.svg
      dartsl draw darts_cnn --cell normal -o space.pdf
      dartsl draw runs/digits -o run.png
      dartsl draw digits --to svg -o - > digits.svg
      dartsl draw mine.darts -o mine.svg --watch
      dartsl draw runs/digits -o now.svg --watch
    """
    if watching:
        if output in (None, STDOUT):
            raise click.UsageError("--watch draws into a file: name one by -o.", ctx)
        require_watchable(ctx, [spec], runs=True)
        watch([spec], (), lambda: _draw(spec, cell, network, epoch, to, output))
    _draw(spec, cell, network, epoch, to, output)


def _draw(
    spec: str, cell: str | None, network: str | None, epoch: int | None, to: str | None, output: Path | None
) -> None:
    from dartsl.api import draw
    from dartsl.graph.render import picture_format, render

    onto_file = output is not None and output != STDOUT
    if output is not None and onto_file and to is None:
        picture_format(output)
        draw(spec, output, cell=cell, network=network, epoch=epoch)
        written([output, output.with_suffix(".dot")] if output.suffix != ".dot" else [output])
        return
    text = draw(spec, cell=cell, network=network, epoch=epoch)
    picture = text if to in (None, "dot") else render(text, to)
    deliver(picture.decode() if isinstance(picture, bytes) and to == "svg" else picture, output)


@command("diff")
@click.argument("first", shell_complete=complete_spec, metavar="A")
@click.argument("second", shell_complete=complete_spec, metavar="B")
@click.option(
    "--isomorphic", is_flag=True,
    help="Cells are the same, too, where renaming the nodes of one gives the other.",
)  # fmt: skip
@click.pass_context
def diff_command(ctx: click.Context, first: str, second: str, isomorphic: bool) -> None:
    """Compare the cells of two specs by their edges.

    The order of edges counts only where they are not summed. For the folder of a run, what it found is compared,
    or else its spec. The exit code is 0 if the specs are equal, 1 if they differ, 2 if they cannot be compared.

    \b
    Examples:
      dartsl diff zoo/darts_v1 zoo/darts_v2
      dartsl diff runs/a runs/b --format json
      dartsl diff runs/a runs/b --isomorphic
    """
    from dartsl.api import diff
    from dartsl.api.specs import within_run

    current().fault = WRONG_USE  # 1 means that they differ
    first, second = str(within_run(first)), str(within_run(second))
    found = diff(read_spec(first), read_spec(second), isomorphic=isomorphic)
    lines = []
    for cell in found.cells:
        same = ": the same but for names" if cell.isomorphic else ": the same"
        lines.append(f"cell {cell.name}" + (same if cell.equal else ""))
        lines += [*_lines("-", cell.removed, "red"), *_lines("+", cell.added, "green")]
    for name, where in [(n, first) for n in found.only_first] + [(n, second) for n in found.only_second]:
        lines.append(f"cell {name}: only in {where}")
    cells = [
        {
            "name": cell.name,
            "equal": cell.equal,
            "isomorphic": cell.isomorphic,
            "removed": cell.removed,
            "added": cell.added,
        }
        for cell in found.cells
    ]
    only = {"only_first": found.only_first, "only_second": found.only_second}
    answer({"first": first, "second": second, "equal": found.equal, "cells": cells, **only}, "\n".join(lines))
    ctx.exit(0 if found.equal else 1)


def _lines(sign: str, texts: Iterable[str], colour: str) -> list[str]:
    return [click.style(f"  {sign} {text}", fg=colour) for text in texts]
