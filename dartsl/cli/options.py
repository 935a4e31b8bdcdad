"""Arguments and options that several commands share, and how a SPEC is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dartsl.lang.codes.diagnostics import UserError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from dartsl.lang.check.model import Spec

Command = TypeVar("Command", bound=Callable[..., Any])


def command(
    name: str, cls: type[click.Command] = click.Command, more: tuple[str, ...] = ()
) -> Callable[[Callable[..., Any]], click.Command]:
    """A command with `--format`, which every command has; `dartsl.cli.output` reads it.

    A command whose answer has `more` formats than the two gets the chosen one as its argument `format`.
    """

    def made(function: Callable[..., Any]) -> click.Command:
        made = click.command(name, cls=cls)(function)
        kinds = click.Choice(["text", "json", *more])
        help = "Text for people, or one JSON document for programs."
        made.params.append(
            click.Option(["--format"], type=kinds, default="text", expose_value=bool(more), help=help)
        )
        return made

    return made


def complete_spec(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What the shell offers for a SPEC: the shipped specs' names, and files."""
    from click.shell_completion import CompletionItem

    from dartsl.lang.syntax.resources import shipped_specs

    shipped = [CompletionItem(name) for name in shipped_specs() if name.startswith(incomplete)]
    return [*shipped, CompletionItem(incomplete, type="file")]


def spec_argument(function: Command) -> Command:
    return click.argument("spec", metavar="SPEC", shell_complete=complete_spec)(function)


def network_options(function: Command) -> Command:
    """`--network` and `--set`."""
    function = click.option(
        "--set", "assignments", multiple=True, metavar="NAME=VALUE",
        help="Set a parameter of the network; may be repeated.",
    )(function)  # fmt: skip
    return click.option("--network", metavar="NAME", help="Name of the network, if the spec has several.")(
        function
    )


def device_option(function: Command) -> Command:
    """`--device`, where the run's own device does not matter."""
    return click.option(
        "--device", metavar="TEXT", default="auto", show_default=True,
        help="Torch device, such as cpu or cuda:0; auto: a GPU if there is one.",
    )(function)  # fmt: skip


def plugin_option(function: Command) -> Command:
    return click.option(
        "--plugin", "plugins", multiple=True, metavar="FILE.py",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Python file that implements the spec's `extern op`s; it is executed.",
    )(function)  # fmt: skip


def level_option(function: Command) -> Command:
    """`-O0`, `-O1`, `-O2`."""
    return click.option(
        "-O", "--optimise", "level", type=click.IntRange(0, 2), default=2, show_default=True,
        help="Level of optimisation: 0 the plain network, 1 without shared and dead work, 2 all passes.",
    )(function)  # fmt: skip


def output_option(help: str) -> Callable[[Command], Command]:
    """`-o FILE`: where to write; `-` is standard output."""
    kind = click.Path(dir_okay=False, allow_dash=True, path_type=Path)
    return click.option(
        "-o", "--output", "--out", "output", type=kind, metavar="FILE", help=f"{help} `-` is stdout."
    )


def folder_option(function: Command) -> Command:
    """`--out FOLDER`: where a run goes."""
    return click.option(
        "-o", "--out", "--output", "out", type=click.Path(path_type=Path), metavar="FOLDER",
        callback=_no_stdout, help="The run's folder. [runs/ and its name]",
    )(function)  # fmt: skip


def _no_stdout(ctx: click.Context, param: click.Parameter, out: Path | None) -> Path | None:
    if out == Path("-"):
        raise click.BadParameter("a run is a folder, which standard output cannot take.", ctx, param)
    return out


def resume_option(function: Command) -> Command:
    """`--resume RUN`."""
    return click.option(
        "--resume", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="RUN",
        help="Resume the run in this folder; takes the place of SPEC.",
    )(function)  # fmt: skip


def quiet_option(function: Command) -> Command:
    """`--quiet`."""
    return click.option("-q", "--quiet", is_flag=True, help="Print only errors.")(function)


def run_argument(function: Command) -> Command:
    """RUN: a folder that exists."""
    return click.argument("run", type=click.Path(path_type=Path), metavar="RUN", callback=_existing)(function)


def _existing(ctx: click.Context, param: click.Parameter, run: Path) -> Path:
    if not run.is_dir():
        raise UserError(f"there is no run folder {run}", exit_code=2)
    return run


def parse_assignments(assignments: tuple[str, ...]) -> dict[str, Fraction]:
    """`C=36` and the like. Raises UserError for what is not an assignment of a number."""
    from dartsl.lang.records.widths import exact

    values: dict[str, Fraction] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UserError(
                f"`--set {text}` is not an assignment", "write, for example, --set C=36", exit_code=2
            )
        try:
            number = exact(value.strip())
        except (ValueError, ZeroDivisionError):
            number = None
        if number is None:
            raise UserError(f"`{value}` is not a value for `{name}`", "give a number", exit_code=2)
        values[name.strip()] = number
    return values


def read_spec(name: str) -> Spec:
    """A checked spec, or that of a run's folder; `-` is stdin. Warnings go to stderr. Raises SpecError, UserError."""
    from dartsl.api import check
    from dartsl.cli.output import say_diagnostics

    spec = check(name)
    say_diagnostics(spec.warnings)
    return spec


RESUMABLE = ("device", "epochs")  # settings that may be given anew


def require_resumable(ctx: click.Context, settings: Mapping[str, Any], *others: object) -> None:
    """Raises UsageError where --resume stands beside what would make it another run."""
    if any(others) or not settings.keys() <= set(RESUMABLE):
        raise click.UsageError(
            "--resume goes on with a run as it was started; only --device, --epochs and --plugin may be given with it.",
            ctx,
        )
