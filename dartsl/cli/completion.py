"""`dartsl completion`."""

from __future__ import annotations

import click

from dartsl.cli.options import command
from dartsl.cli.output import answer


@command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the script that completes commands in a shell.

    \b
    Examples:
      dartsl completion bash >> ~/.bashrc
      dartsl completion fish > ~/.config/fish/completions/dartsl.fish
    """
    from click.shell_completion import get_completion_class

    from dartsl.cli.app import cli

    completer = get_completion_class(shell)
    assert completer is not None  # click knows each of the shells above
    script = completer(cli, {}, "dartsl", "_DARTSL_COMPLETE").source()
    answer({"text": script}, script)
