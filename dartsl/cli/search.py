"""`dartsl search` and `dartsl derive`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import click

from dartsl.cli.options import (
    Command,
    Target,
    complete_spec,
    network_options,
    output_option,
    plugin_option,
    read_source,
    target,
)
from dartsl.cli.output import deliver, say_diagnostics
from dartsl.lang.diagnostics import UserError
from dartsl.lang.settings import SearchConfig, coerce, search_config
from dartsl.lang.source import Source

INTERRUPTED = 130


SHORT = {"optimise": "-O"}  # settings with a letter of their own: -O0
METAVARS = {int: "INTEGER", float: "NUMBER", tuple: "NUMBERS", str: "TEXT"}


def _number(text: str) -> int | float | str:
    """A number if it is one; what would be accepted instead of anything else is for `coerce` to say."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def setting_options(function: Command) -> Command:
    """One option for each field of SearchConfig; none has a default, so that the spec's own counts."""
    for spec in reversed(fields(SearchConfig)):
        function = _setting_option(spec)(function)
    return function


def _setting_option(spec: Field[Any]) -> Callable[[Command], Command]:
    flag = spec.name.replace("_", "-")
    short = [SHORT[spec.name]] if spec.name in SHORT else []
    if isinstance(spec.default, bool):
        shown = "on" if spec.default else "off"
        return click.option(f"--{flag}/--no-{flag}", spec.name, default=None, help=f"{_help(spec)} [{shown}]")
    values = spec.metadata["values"]
    help_ = f"{_help(spec)} [{_default(spec)}]"
    if values is not None:
        return click.option(f"--{flag}", spec.name, type=click.Choice(values), help=help_)
    metavar = METAVARS[type(spec.default)]
    return click.option(*short, f"--{flag}", spec.name, metavar=metavar, callback=_judge(spec), help=help_)


def _judge(spec: Field[Any]) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    """The value of an option in the type of its field, which knows what it accepts."""

    def convert(ctx: click.Context, param: click.Parameter, text: str | None) -> Any:
        if text is None:
            return None
        kind = type(spec.default)
        value: Any = text if kind is str else _number(text)
        if kind is tuple:
            value = tuple(_number(part) for part in text.split(",") if part.strip())
        try:
            return coerce(spec, value)
        except ValueError as fault:
            raise click.BadParameter(f"'{text}' is not {fault}.", ctx, param) from None

    return convert


def _help(spec: Field[Any]) -> str:
    text: str = spec.metadata["help"]
    return text[0].upper() + text[1:] + "."


def _default(spec: Field[Any]) -> str:
    default = _value(spec.default) or ("measured" if isinstance(spec.default, tuple) else "the spec's")
    of_text = spec.metadata["text"]
    return default if of_text is None else f"{default}; of text {_value(of_text)}"


def _value(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


@click.command("search")
@click.argument("spec", metavar="SPEC", required=False, shell_complete=complete_spec)
@click.option(
    "--resume",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="RUN",
    help="Go on with the run in this folder, in place of a SPEC.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FOLDER", help="The run's folder. [runs/ and its name]"
)
@click.option(
    "--check-gradients",
    is_flag=True,
    help="Compare first, second and exact order on the first batch, and search nothing.",
)
@network_options
@plugin_option
@setting_options
@click.pass_context
def search_command(
    ctx: click.Context,
    /,
    spec: str | None,
    resume: Path | None,
    out: Path | None,
    check_gradients: bool,
    network: str | None,
    assignments: tuple[str, ...],
    plugins: tuple[Path, ...],
    **settings: Any,
) -> None:
    """Search a SPEC's network for its best cells.

    An option goes before the spec's `search {}`, and that before the defaults in brackets. Ctrl-C finishes
    the step and saves; --resume goes on from there.

    \b
    Examples:
      dartsl search digits
      dartsl search mine.darts --epochs 20 --order 2 --set C=8 --out runs/first
      dartsl search --resume runs/first
      dartsl search mine.darts --check-gradients --batch 16
    """
    given = {name: value for name, value in settings.items() if value is not None}
    if resume is not None:
        _only_device(ctx, spec, out, check_gradients, network, assignments, plugins, given)
        from dartsl.search.loop import resume as go_on

        result = go_on(resume, device=given.get("device"))
    else:
        if spec is None:
            raise click.UsageError("Missing argument 'SPEC'.", ctx)
        if check_gradients:
            _compare(ctx, spec, out, network, assignments, plugins, given)
            return
        result = _start(spec, out, network, assignments, plugins, given)
    ctx.exit(0 if result.finished else INTERRUPTED)


def _read(
    name: str, network: str | None, assignments: tuple[str, ...], given: dict[str, Any]
) -> tuple[Source, SearchConfig, Target]:
    from dartsl.lang.check import check

    source = read_source(name)
    spec = check(source)
    if spec.warnings:
        say_diagnostics(spec.warnings)
    chosen = target(spec, network, assignments)
    return source, search_config(chosen.network.is_text, spec.search, given), chosen


def _compare(
    ctx: click.Context,
    name: str,
    out: Path | None,
    network: str | None,
    assignments: tuple[str, ...],
    plugins: tuple[Path, ...],
    given: dict[str, Any],
) -> None:
    if out is not None or "order" in given:
        raise click.UsageError("--check-gradients compares all orders and leaves no run folder.", ctx)
    source, config, chosen = _read(name, network, assignments, given)
    from dartsl.search.check_gradients import check_gradients

    compared = check_gradients(source, config, network=network, parameters=chosen.parameters, plugins=plugins)
    click.echo(compared.text())


def _start(
    name: str,
    out: Path | None,
    network: str | None,
    assignments: tuple[str, ...],
    plugins: tuple[Path, ...],
    given: dict[str, Any],
) -> Any:
    from dartsl.run.folder import command_line

    source, config, chosen = _read(name, network, assignments, given)
    from dartsl.search import loop

    return loop.search(
        source,
        config,
        network=network,
        parameters=chosen.parameters,
        out=out,
        plugins=plugins,
        command=command_line(["dartsl", *sys.argv[1:]]),
    )


def _only_device(ctx: click.Context, spec: str | None, *others: Any) -> None:
    """A run goes on as it was started: nothing but its device can be given anew."""
    *rest, given = others
    extra = [f"--{name.replace('_', '-')}" for name in given if name != "device"]
    if spec is not None or any(rest) or extra:
        raise click.UsageError(
            "--resume goes on with a run as it was started; give only --device with it.", ctx
        )


@click.command("derive")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--epoch", type=click.IntRange(min=1), help="As of this epoch; the last one by default.")
@output_option("Where to write the found spec. Without it the text goes to stdout.")
def derive_command(run: Path, epoch: int | None, output: Path | None) -> None:
    """Write the cells that a run's alphas stand for.

    \b
    Examples:
      dartsl derive runs/digits
      dartsl derive runs/digits --epoch 3 -o early.darts
    """
    from dartsl.search.derive import rederive

    if not run.is_dir():
        raise UserError(f"there is no run folder {run}", exit_code=2)
    deliver(rederive(run, epoch), output)
