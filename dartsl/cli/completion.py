"""`dartsl completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the script that completes dartsl's commands, options and specs in a shell.

    \b
    Examples:
      dartsl completion bash >> ~/.bashrc
      dartsl completion fish > ~/.config/fish/completions/dartsl.fish
    """
    from dartsl.cli.app import cli

    completer = get_completion_class(shell)
    assert completer is not None  # click knows each of the shells above
    click.echo(completer(cli, {}, "dartsl", "_DARTSL_COMPLETE").source())
