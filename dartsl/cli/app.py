"""The `dartsl` command: its commands, loaded when they are asked for, and what mistakes look like."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

import click

import dartsl
from dartsl.cli import output
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.syntax.paths import reason
from dartsl.run.torchrun import OwnError, is_first, let_the_first_speak, require_one_process

# In the order of a day's work; each command lives, under its own name, in dartsl/cli/<module>.py.
COMMANDS = {
    "new": "specs",
    "specs": "specs",
    "methods": "methods",
    "check": "check",
    "explain": "check",
    "fmt": "fmt",
    "info": "info",
    "draw": "draw",
    "diff": "draw",
    "compile": "compile",
    "bench": "bench",
    "latency": "latency",
    "sample": "sample",
    "search": "search",
    "derive": "search",
    "plot": "plot",
    "compare": "compare",
    "import": "exchange",
    "export": "exchange",
    "lookup": "lookup",
    "train": "train",
    "sweep": "sweep",
    "report": "report",
    "eval": "eval",
    "predict": "predict",
    "lsp": "lsp",
    "completion": "completion",
    "help": "help",
}
PARALLEL = ("search", "train")  # several processes of torchrun share their work


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
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, COMMANDS, 1)
            advice = f"Did you mean '{near[0]}'?" if near else "'dartsl --help' lists them."
            raise click.UsageError(f"No such command '{name}'. {advice}", ctx)
        if name not in PARALLEL:
            require_one_process(f"dartsl {name}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SpecError as fault:
            output.say_diagnostics(fault.diagnostics)
            let_the_first_speak()
            ctx.exit(output.current().fault)
        except UserError as fault:
            output.say_error(fault.message, fault.help, own=isinstance(fault, OwnError))
            ctx.exit(output.current().fault if fault.exit_code == output.FAULT else fault.exit_code)
        except OSError as fault:  # a path that the system refuses, where nothing more is known of it
            if fault.errno == errno.EPIPE:
                raise
            where = f"cannot use {fault.filename}: " if fault.filename is not None else ""
            output.say_error(where + reason(fault), None)
            ctx.exit(output.current().fault)
        except KeyboardInterrupt:
            if output.current().json:
                output.say_error("interrupted", None)
            ctx.exit(output.INTERRUPTED)

    def main(
        self, args: Sequence[str] | None = None, prog_name: str | None = None, *others: Any, **extra: Any
    ) -> NoReturn:
        if isinstance(sys.stdout, io.TextIOWrapper):  # a name that its encoding lacks is not a reason to fail
            sys.stdout.reconfigure(errors="backslashreplace")
        report = output.Report(json=output.asks_for_json(sys.argv[1:] if args is None else args))
        extra |= {"standalone_mode": False, "obj": report, "color": output.colour()}
        try:
            code = super().main(args, prog_name, *others, **extra) or 0
        except click.ClickException as wrong:
            code = wrong.exit_code
            if report.json:
                output.add_fault(report, wrong.format_message(), _help_of(wrong))
            elif is_first():
                wrong.show()
            let_the_first_speak()
        try:
            output.finish(report)
        except BrokenPipeError:  # the reader has gone: click does the same for what a command writes
            os.dup2(
                os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
            )  # else the flush at exit fails again
            code = output.FAULT
        sys.exit(code)


def _help_of(wrong: click.ClickException) -> str | None:
    ctx = wrong.ctx if isinstance(wrong, click.UsageError) else None
    return None if ctx is None else f"{ctx.command_path} --help"


def _version(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(f"dartsl, version {dartsl.__version__}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
    help="Show the version and exit.",
)  # fmt: skip
def cli() -> None:
    """A language and compiler for differentiable architecture search.

    A SPEC is a .darts file, or the name of one that comes with dartsl (`dartsl specs` lists them).

    \b
    Examples:
      dartsl new mine             write a starter spec into mine.darts
      dartsl check mine.darts     check it for errors
      dartsl search digits        find a cell on handwritten digits, in about two minutes
      dartsl train runs/digits    train what was found, from scratch

    Exit codes: 0 success, 1 an error was found, 2 usage error, 130 interrupted by Ctrl-C.
    """


def main() -> None:
    """The entry point of the installed command; it leaves by SystemExit."""
    cli.main(prog_name="dartsl")
