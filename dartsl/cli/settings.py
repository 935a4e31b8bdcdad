"""The settings of `search {}` and `train {}` as options of a command."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import Field, fields
from functools import partial
from typing import Any

import click

from dartsl.cli.options import Command
from dartsl.lang.codes.suggestions import close
from dartsl.lang.settings.fields import goes_with
from dartsl.lang.settings.schedules import SHAPES, Schedule
from dartsl.lang.settings.stages import Stages
from dartsl.lang.settings.values import SearchConfig, TrainConfig, accepted, number_of, typed

SHORT = {"optimise": "-O"}  # settings with a letter of their own: -O0
HINTS = {"target": "--target-column"}  # the setting that is meant where a value is none of this one
METAVARS = {
    int: "INTEGER",
    float: "NUMBER",
    tuple: "NUMBERS",
    str: "TEXT",
    Schedule: "SCHEDULE",
    Stages: "STAGES",
}


class SettingsCommand(click.Command):
    """A command with settings, where a list of numbers may be typed as `0.5,0.9` or as `0.5 0.9`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        lists = {
            name: param.metavar == METAVARS[tuple]
            for param in self.params
            if isinstance(param, click.Option)
            for name in param.opts
        }
        return super().parse_args(ctx, joined_numbers(args, {name for name, many in lists.items() if many}))


def joined_numbers(args: Sequence[str], lists: Collection[str]) -> list[str]:
    """Arguments in which the numbers that follow an option of `lists` are one argument, with commas."""
    rest, joined = list(args), []
    while rest:
        argument = rest.pop(0)
        option, equals, value = argument.partition("=")
        if option in lists:
            if not equals and rest:
                joined.append(argument)
                argument = value = rest.pop(0)
            while _is_number(value) and rest and _is_number(rest[0]):
                argument = f"{argument.rstrip(',')},{rest.pop(0)}"
        joined.append(argument)
    return joined


def _is_number(text: str) -> bool:
    return not isinstance(number_of(text.rstrip(",")), str)


def setting_options(config: type[SearchConfig] | type[TrainConfig]) -> Callable[[Command], Command]:
    """One option for each field of `config`; none has a default, so that the spec's own counts."""

    def add(function: Command) -> Command:
        for spec in reversed(fields(config)):
            function = _setting_option(spec)(function)
        return function

    return add


def _setting_option(spec: Field[Any]) -> Callable[[Command], Command]:
    flag = spec.name.replace("_", "-")
    short = [SHORT[spec.name]] if spec.name in SHORT else []
    if isinstance(spec.default, bool):
        shown = "on" if spec.default else "off"
        return click.option(f"--{flag}/--no-{flag}", spec.name, default=None, help=f"{_help(spec)} [{shown}]")
    values = spec.metadata["values"]
    help_ = f"{_help(spec)} [{_default(spec)}]"
    suffix = spec.metadata["suffix"]
    if values is not None and not suffix:
        return click.option(f"--{flag}", spec.name, type=click.Choice(values), help=help_)
    metavar = "|".join([*values, f"FILE{suffix}"]) if suffix else METAVARS[type(spec.default)]
    if spec.metadata["words"]:
        return click.option(
            f"--{flag}", spec.name, metavar="NAME", multiple=True, callback=_joined(spec), help=help_
        )
    if spec.metadata["names"] is not None:
        metavar = "NAMES" if isinstance(spec.default, tuple) else "NAME"
        help_ = f"{_help(spec)[:-1]}: {', '.join(accepted(spec) or ())}. [{_default(spec)}]"
    return click.option(
        *short, f"--{flag}", spec.name, metavar=metavar, callback=_judge(spec), help=help_,
        shell_complete=partial(_completed, spec),
    )  # fmt: skip


def _completed(spec: Field[Any], ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """What the shell offers for a value: names, those of a list that it does not have yet, beginnings of schedules."""
    known = [f"{shape}(" for shape in SHAPES] if isinstance(spec.default, Schedule) else accepted(spec) or ()
    if not isinstance(spec.default, tuple):
        return [name for name in known if name.startswith(incomplete)]
    *before, last = incomplete.split(",")
    return [",".join([*before, name]) for name in known if name.startswith(last) and name not in before]


def _judge(spec: Field[Any]) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    """The value of an option in the type of its field, which knows what it accepts."""

    def convert(ctx: click.Context, param: click.Parameter, text: str | None) -> Any:
        if text is None:
            return None
        try:
            return typed(spec, text)
        except ValueError as fault:
            hint = f" For columns of a table: {HINTS[spec.name]}." if spec.name in HINTS else ""
            raise click.BadParameter(
                f"'{text}' is not {fault}.{_near(spec, text)}{hint}", ctx, param
            ) from None

    return convert


def _near(spec: Field[Any], text: str) -> str:
    """Which of the names that a setting takes may have been meant by the first that is none of them."""
    known = accepted(spec) or ()
    given = (part.strip() for part in (text.split(",") if isinstance(spec.default, tuple) else [text]))
    wrong = next((name for name in given if name not in known), "")
    near = close(wrong, known)
    return f" Did you mean '{near}'?" if near else ""


def _joined(spec: Field[Any]) -> Callable[[click.Context, click.Parameter, Sequence[str]], Any]:
    """The names that an option has, given once with commas, or several times; None where it is not given."""

    def convert(ctx: click.Context, param: click.Parameter, texts: Sequence[str]) -> Any:
        return _judge(spec)(ctx, param, ",".join(texts) if texts else None)

    return convert


def _help(spec: Field[Any]) -> str:
    text: str = spec.metadata["help"]
    return text[0].upper() + text[1:] + "."


def _default(spec: Field[Any]) -> str:
    default = _value(spec.default) or ("the spec's" if spec.name == "data" else "empty")
    theirs = {kind: each for kind, each in spec.metadata["by_kind"].items() if goes_with(spec.metadata, kind)}
    others = [f"{kind}: {_value(value)}" for kind, value in theirs.items()]
    return "; ".join([default, *others])


def _value(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
