"""`python -m dartsl.docs -o site/`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dartsl.docs.live import words
from dartsl.docs.site import build, write
from dartsl.lang.codes.diagnostics import UserError


@click.command()
@click.option(
    "-o",
    "--output",
    "output",
    default="site",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder.",
)
@click.option(
    "--runtime",
    "modules",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A folder node_modules with Pyodide and Viz.js, which the playground then fetches from the site itself.",
)
def main(output: Path, modules: Path | None) -> None:
    """Write the documentation of this clone as HTML pages, which open without a server or a network.

    The playground alone needs a server, and the network for Pyodide and Viz.js.
    """
    try:
        files = build(Path(__file__).resolve().parents[2], modules)
        write(files, output)
    except UserError as fault:
        click.echo(words(fault), err=True)
        sys.exit(fault.exit_code)
    pages = sum(name.endswith(".html") for name in files)
    click.echo(f"wrote {pages} pages; open {output / 'index.html'}")


main(prog_name="python -m dartsl.docs")
