"""`dartsl help`."""

from __future__ import annotations

import click

from dartsl.cli.options import command
from dartsl.cli.output import answer


@command("help")
@click.argument("name", required=False, metavar="COMMAND")
@click.pass_context
def help_command(ctx: click.Context, name: str | None) -> None:
    """Show the help of a COMMAND, or the list of commands.

    \b
    Examples:
      dartsl help
      dartsl help search
    """
    root = ctx.find_root()
    shown = root
    if name is not None:
        group = root.command
        assert isinstance(group, click.Group)
        found = group.resolve_command(root, [name])[1]
        assert found is not None  # an unknown one was refused
        shown = click.Context(found, root, name)
    text = shown.get_help()
    answer({"text": text}, text)
