"""The `dartsl` command: its commands, loaded when they are asked for, and what mistakes look like."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

import dartsl
from dartsl.cli.output import say_diagnostics, say_error
from dartsl.lang.diagnostics import SpecError, UserError
from dartsl.run.torchrun import OwnError, is_first, require_one_process

# In the order of a day's work; each command lives, under its own name, in dartsl/cli/<module>.py.
COMMANDS = {
    "new": "specs",
    "specs": "specs",
    "check": "check",
    "explain": "check",
    "fmt": "fmt",
    "info": "info",
    "draw": "draw",
    "diff": "draw",
    "compile": "compile",
    "bench": "bench",
    "search": "search",
    "derive": "search",
    "plot": "plot",
    "import": "exchange",
    "export": "exchange",
    "train": "train",
    "eval": "eval",
    "completion": "completion",
}
PARALLEL = ("search", "train")  # several processes of torchrun share their work
INTERRUPTED = 130


class Commands(click.Group):
    """Loads a command when it is needed, and turns mistakes into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"dartsl.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        found = super().resolve_command(ctx, args)
        if found[0] not in PARALLEL:
            require_one_process(f"dartsl {found[0]}")
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SpecError as fault:
            say_diagnostics(fault.diagnostics)
            ctx.exit(1)
        except UserError as fault:
            say_error(fault.message, fault.help, own=isinstance(fault, OwnError))
            ctx.exit(fault.exit_code)
        except click.ClickException as fault:
            if is_first():
                raise
            ctx.exit(fault.exit_code)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version=dartsl.__version__)
def cli() -> None:
    """A language and compiler for differentiable architecture search.

    A SPEC is a .darts file, or the name of one that comes with dartsl (`dartsl specs` lists them).

    \b
    Examples:
      dartsl new mine             write a starter spec into mine.darts
      dartsl check mine.darts     look for mistakes in it
      dartsl search digits        find a cell on handwritten digits, in about two minutes
      dartsl train runs/digits    train what was found, from scratch
    """


def main() -> None:
    """The entry point of the installed command; it leaves by SystemExit."""
    cli.main(prog_name="dartsl")
