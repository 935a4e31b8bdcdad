"""`dartsl fmt`."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from dartsl.cli.options import complete_spec, read_source
from dartsl.lang.diagnostics import UserError
from dartsl.lang.source import Source


@click.command("fmt")
@click.argument("files", nargs=-1, required=True, shell_complete=complete_spec, metavar="FILE...")
@click.option(
    "--check", "check_only", is_flag=True, help="Change nothing; exit 1 where something would change."
)
@click.option("--diff", "show_diff", is_flag=True, help="Change nothing; show what would change.")
@click.pass_context
def fmt_command(ctx: click.Context, files: tuple[str, ...], check_only: bool, show_diff: bool) -> None:
    """Write specs the way the language is written; comments stay.

    Files are replaced in place. `-` reads stdin and writes to stdout.

    \b
    Examples:
      dartsl fmt mine.darts
      dartsl fmt --check --diff specs/*.darts
      cat mine.darts | dartsl fmt -
    """
    from dartsl.lang.parser import parse
    from dartsl.lang.printer import print_file
    from dartsl.run.files import write_text

    changed = 0
    for name in files:
        source = read_source(name)
        text = print_file(parse(source))
        differs = not _is_written(source, text)
        changed += differs
        if show_diff and differs:
            lines = difflib.unified_diff(
                source.text.splitlines(keepends=True),
                text.splitlines(keepends=True),
                name,
                f"{name}, formatted",
            )
            click.echo("".join(line if line.endswith("\n") else line + "\n" for line in lines), nl=False)
        if check_only or show_diff:
            if differs and not show_diff:
                click.echo(f"would reformat {name}")
        elif source.path is None:
            click.echo(text, nl=False)
        elif differs and not Path(name).is_file():
            raise UserError(f"`{name}` is a spec that comes with dartsl; it stays as it is", exit_code=2)
        elif differs:
            write_text(source.path, text)
            click.echo(f"reformatted {name}", err=True)
    ctx.exit(1 if check_only and changed else 0)


def _is_written(source: Source, text: str) -> bool:
    """Whether the text stands there byte for byte: without a mark at its start, with bare line ends."""
    return text == source.text if source.path is None else text.encode() == source.path.read_bytes()
