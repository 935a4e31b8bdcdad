"""Arguments and options that several commands share, and how a SPEC is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from dartsl.lang.constants import exact
from dartsl.lang.diagnostics import UserError
from dartsl.lang.model import Network, Spec
from dartsl.lang.source import Source

Command = TypeVar("Command", bound=Callable[..., Any])


def complete_spec(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What the shell offers for a SPEC: the shipped specs' names, and files."""
    from dartsl.lang.resources import shipped_specs

    shipped = [CompletionItem(name) for name in shipped_specs() if name.startswith(incomplete)]
    return [*shipped, CompletionItem(incomplete, type="file")]


def spec_argument(function: Command) -> Command:
    return click.argument("spec", metavar="SPEC", shell_complete=complete_spec)(function)


def format_option(function: Command) -> Command:
    kinds = click.Choice(["text", "json"])
    return click.option(
        "--format", "format_", type=kinds, default="text", help="For a reader, or for a program."
    )(function)


def network_options(function: Command) -> Command:
    """`--network` and `--set`."""
    function = click.option(
        "--set", "assignments", multiple=True, metavar="NAME=VALUE",
        help="A parameter of the network; may be given again.",
    )(function)  # fmt: skip
    return click.option("--network", metavar="NAME", help="Which network, where the spec has several.")(
        function
    )


def plugin_option(function: Command) -> Command:
    return click.option(
        "--plugin", "plugins", multiple=True, metavar="FILE.py",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Python that implements `extern op`s of the spec; it is run.",
    )(function)  # fmt: skip


def level_option(function: Command) -> Command:
    """`-O0`, `-O1`, `-O2`."""
    return click.option(
        "-O", "--optimise", "level", type=click.IntRange(0, 2), default=2, show_default=True,
        help="Level of optimisation: 0 the plain network, 1 without shared and dead work, 2 all passes.",
    )(function)  # fmt: skip


def output_option(help: str) -> Callable[[Command], Command]:
    return click.option(
        "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=help
    )


def parse_assignments(assignments: tuple[str, ...]) -> dict[str, Fraction]:
    """`C=36` and the like. Raises UserError: exit code 2 for what is no assignment, 1 for a bad value."""
    values: dict[str, Fraction] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UserError(f"`--set {text}` is no assignment", "write, for example, --set C=36", exit_code=2)
        try:
            number = exact(value.strip())
        except (ValueError, ZeroDivisionError):
            number = None
        if number is None:
            raise UserError(f"`{value}` is no value for `{name}`", "give a number")
        values[name.strip()] = number
    return values


@dataclass(frozen=True)
class Target:
    """A checked spec, one of its networks, and values for that network's parameters."""

    spec: Spec
    network: Network
    parameters: Mapping[str, Fraction]


def read_source(name: str) -> Source:
    """The text of a SPEC argument; `-` is stdin. Raises UserError, SpecError."""
    from dartsl.lang.loader import read

    return read(name)


def read_spec(name: str) -> Spec:
    """A checked spec; its warnings go to stderr. Raises SpecError, UserError."""
    from dartsl.cli.output import say_diagnostics
    from dartsl.lang.check import check

    spec = check(read_source(name))
    if spec.warnings:
        say_diagnostics(spec.warnings)
    return spec


def read_target(name: str, network: str | None, assignments: tuple[str, ...]) -> Target:
    """A spec, its network and its parameters. Raises SpecError, UserError."""
    return target(read_spec(name), network, assignments)


def target(spec: Spec, network: str | None, assignments: tuple[str, ...]) -> Target:
    """One network of a spec, with values for its parameters. Raises SpecError, UserError."""
    from dartsl.lang.check import pick_network

    picked = pick_network(spec, network)
    values = parse_assignments(assignments)
    known = [parameter.name.id for parameter in picked.parameters]
    for given in values:
        if given not in known:
            near = get_close_matches(given, known, 1)
            has = f"it has {', '.join(f'`{item}`' for item in known)}" if known else "it has none"
            raise UserError(
                f"network `{picked.name}` has no parameter `{given}`",
                f"did you mean `{near[0]}`?" if near else has,
                exit_code=2,
            )
    return Target(spec, picked, values)


RESUMABLE = ("device",)  # settings that may be given anew


def require_resumable(ctx: click.Context, settings: Mapping[str, Any], *others: object) -> None:
    """Raises UsageError where --resume stands beside what would make it another run."""
    if any(others) or not settings.keys() <= set(RESUMABLE):
        raise click.UsageError(
            "--resume goes on with a run as it was started; only --device and --plugin may be given with it.",
            ctx,
        )
