"""`dartsl import` and `dartsl export`."""

from __future__ import annotations

from pathlib import Path

import click

from dartsl.cli.options import output_option
from dartsl.cli.output import deliver


@click.command("import")
@click.argument("source", metavar="FILE_OR_TEXT")
@click.option("--name", metavar="NAME", help="Which one, where a Python file holds several.")
@output_option("Where to write the spec. Without it the text goes to stdout.")
def import_command(source: str, name: str | None, output: Path | None) -> None:
    """Write the spec of a cell that was published or found elsewhere.

    Read are Genotype(...) literals, alone or in a Python file, NAS-Bench-201's strings, and NNI's JSON of
    choices for DARTS; `-` is stdin. They are read as data: nothing is run. The spec has the cells, a network
    for CIFAR-10 (or Penn Treebank) and a training recipe.

    \b
    Examples:
      dartsl import genotypes.py --name DARTS_V2 -o v2.darts
      dartsl import '|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|'
    """
    from dartsl.exchange.importing import import_text

    deliver(import_text(source, name), output)
