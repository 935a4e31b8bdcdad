"""`python -m dartsl.docs -o site/`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

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
def main(output: Path) -> None:
    """Write the documentation of this clone as HTML pages, which open without a server or a network."""
    try:
        files = build(Path(__file__).resolve().parents[2])
        write(files, output)
    except UserError as fault:
        click.echo(f"error: {fault.message}" + (f"\n  = help: {fault.help}" if fault.help else ""), err=True)
        sys.exit(fault.exit_code)
    pages = sum(name.endswith(".html") for name in files)
    click.echo(f"wrote {pages} pages; open {output / 'index.html'}")


main(prog_name="python -m dartsl.docs")
