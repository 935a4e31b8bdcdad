"""The settings of `search {}` and `train {}`: one definition for the spec, the command line and the documentation.

Every field carries its help, its bounds and, where it is one of few, its values, as dataclass metadata
(`setting_fields`). Here values are judged, and defaults, the spec's and the command line's are put together.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import Field, fields, replace
from math import isfinite
from numbers import Rational, Real
from typing import Any, TypeVar

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.records.inputs import Input
from dartsl.lang.settings.fields import goes_with
from dartsl.lang.settings.methods import DARTS, NAMES
from dartsl.lang.settings.presets import PRESETS, Preset, Share
from dartsl.lang.settings.schedules import MOST, Schedule
from dartsl.lang.settings.search import SearchConfig
from dartsl.lang.settings.stages import EPOCHS, Stages
from dartsl.lang.settings.train import TrainConfig

__all__ = [
    "COLUMNS",
    "CONFIGS",
    "MOST",
    "Config",
    "SearchConfig",
    "TrainConfig",
    "accepted",
    "coerce",
    "configure",
    "names_table",
    "number_of",
    "of_another_kind",
    "option_text",
    "search_config",
    "train_config",
    "typed",
    "usable",
    "written",
]


CONFIGS: Mapping[str, type[SearchConfig] | type[TrainConfig]] = {"search": SearchConfig, "train": TrainConfig}

COLUMNS = ("target_column", "drop_column")  # settings about a table
_LINE_END = "\r\n"  # a name that has one of the two is quoted

Config = TypeVar("Config", SearchConfig, TrainConfig)


def coerce(spec: Field[Any], value: object) -> Any:
    """The value of a setting, in the type of its field.

    An integer stands for a number with a fraction, and for one of the string values (`order = 2`).
    Raises ValueError, with what would be accepted, where it does not fit.
    """
    meta = spec.metadata
    default: Any = spec.default
    kind: type = type(default)
    values = accepted(spec)
    if values is not None and kind is tuple:
        items = value if isinstance(value, tuple | list) else (value,)
        found = tuple(_one_of(item, values) for item in items)
        if len(set(found)) < len(found):
            raise ValueError("a list in which each name stands once")
        return found
    if meta["suffix"] and isinstance(value, str) and value.endswith(meta["suffix"]):
        return value
    if values is not None:
        return _one_of(value, values, meta["suffix"])
    if kind is Schedule:
        return _schedule(value, meta)
    if kind is Stages:
        return Stages.of(value)
    if meta["words"]:
        return _words(value)
    if kind is tuple:
        items = value if isinstance(value, tuple | list) else (value,)
        if default and len(items) != len(default):
            raise ValueError(f"{len(default)} numbers")
        return tuple(_number(item, float, meta) for item in items)
    if spec.name == "device" and type(value).__name__ == "device":  # torch's own
        return str(value)
    if kind is bool or kind is str:
        if not isinstance(value, kind):
            raise ValueError("`true` or `false`" if kind is bool else "a string in double quotes")
        return value
    return _number(value, kind, meta)


def accepted(spec: Field[Any]) -> tuple[str, ...] | None:
    """The values of a setting that is one of few, or each of its list; None where it is not one of few."""
    names, values = spec.metadata["names"], spec.metadata["values"]
    return values if names is None else tuple(NAMES[names])


def _one_of(value: object, values: Sequence[str], suffix: str = "") -> str:
    text = str(value).lower() if not isinstance(value, bool) else ""
    if text not in values:
        files = [f'the path of a "{suffix}" file'] if suffix else []
        *most, last = (*map(_shown, values), *files)
        raise ValueError(f"{', '.join(most)} or {last}" if most else last)
    return text


def _words(value: object) -> tuple[str, ...]:
    """A list of names, of which an empty one says nothing; one alone needs no list."""
    items = value if isinstance(value, tuple | list) else (value,)
    if not all(isinstance(item, str) for item in items):
        raise ValueError("a name in double quotes, or a list of names")
    found = tuple(str(item) for item in items if item)
    if len(set(found)) < len(found):
        raise ValueError("a list in which each name stands once")
    return found


def _shown(value: str) -> str:
    """One of the values of a setting, as it is written."""
    return value if value.isdigit() else f'"{value}"'


def _schedule(value: object, meta: Mapping[str, Any]) -> Schedule:
    """A number, a schedule, or the text of either. Both of its ends are within the bounds, so that all of it is."""
    found = Schedule.read(value) if isinstance(value, str) else value
    if not isinstance(found, Schedule):
        return Schedule.constant(_number(found, float, meta))
    for end in (found.first, found.last):
        _number(end, float, meta)
    return found


def _number(value: Any, kind: type, meta: Mapping[str, Any]) -> Any:
    wanted = "a whole number" if kind is int else "a number"
    low, high = meta["low"], meta["high"]
    if low is not None:
        wanted += f" above {low}" if meta["open_low"] else f" from {low}"
    if high is not None:
        wanted += f" to {high:,}"
    numeric = isinstance(value, Real) and not isinstance(value, bool)  # NumPy's numbers are, too
    if not numeric:
        raise ValueError(wanted)
    if not isinstance(value, Rational) and not isfinite(value):  # isfinite cannot take every int
        raise ValueError(wanted)
    if kind is float and abs(value) > MOST:
        raise ValueError(f"{wanted}, and at most {MOST:,}" if high is None else wanted)
    if kind is int and value != int(value):
        raise ValueError(wanted)
    number = kind(value)
    too_low = low is not None and (number <= low if meta["open_low"] else number < low)
    if too_low or (high is not None and number > high):
        raise ValueError(wanted)
    return number


def typed(spec: Field[Any], text: str) -> Any:
    """The value of a setting from its text on a command line, `true` or `false` of a flag. Raises ValueError, with what
    would be accepted, where it does not fit."""
    if spec.metadata["words"]:
        return coerce(spec, split_words(text))
    kind = type(spec.default)
    value: Any = text if kind is str else number_of(text)
    if kind is bool:
        value = {"true": True, "false": False}.get(text, text)
    if kind is tuple:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        value = tuple(number_of(part) if spec.metadata["names"] is None else part for part in parts)
    return coerce(spec, value)


def split_words(text: str) -> list[str]:
    """The names in a text with commas, as a line of a .csv file has them: one with a comma, or a line end, stands in
    quotes. Raises ValueError for a line end outside of them."""
    try:
        return [word.strip() for line in csv.reader([text], skipinitialspace=True) for word in line]
    except csv.Error:
        raise ValueError("a name without a line end, or one in double quotes") from None


def names_table(data: str) -> bool:
    """Whether the setting `data` is the path of a table."""
    return data.lower().endswith(".csv")


def number_of(text: str) -> int | float | str:
    """A number if it is one; what would be accepted instead of anything else is for `coerce` to say."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def option_text(value: object) -> str:
    """The value of a setting as a command line has it: what `typed` reads."""
    if isinstance(value, tuple | list):
        line = io.StringIO()
        csv.writer(line, lineterminator=_LINE_END).writerow(map(option_text, value))
        return line.getvalue().removesuffix(_LINE_END)
    return str(value).lower() if isinstance(value, bool) else str(value)


def written(value: object) -> str:
    """The value of a setting as a spec writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _shown(value)
    if isinstance(value, Stages):
        return f"[{value}]"
    if isinstance(value, tuple):
        items = [written(item) for item in value]
        return items[0] if len(items) == 1 and isinstance(value[0], str) else f"[{', '.join(items)}]"
    return str(Schedule.constant(float(value))) if isinstance(value, float) else str(value)


def configure(base: Config, values: Mapping[str, object]) -> Config:
    """`base` with some settings replaced. Raises KeyError on an unknown name, ValueError on a bad value."""
    known = {spec.name: spec for spec in fields(base)}
    return replace(base, **{name: coerce(known[name], value) for name, value in values.items()})


def search_config(takes: type[Input], *layers: Mapping[str, object]) -> SearchConfig:
    """The settings of a search over a network that takes such an input: see `_settled`.

    Between the defaults and the layers stands what their `method` stands for; a length in epochs that is a part of the
    method's run is that part of this one. Raises UserError for a method of another kind of network.
    """
    given = {name: value for layer in layers for name, value in layer.items()}
    preset = preset_of(given, takes)
    settings = preset.settings(takes.kind)
    shares = {name: value for name, value in settings.items() if isinstance(value, Share)}
    rest = {name: value for name, value in settings.items() if name not in shares}
    config = _settled(SearchConfig(), takes, [rest, *layers])
    lengths = {name: share.of(config.epochs) for name, share in shares.items() if name not in given}
    if "warmup" in lengths and config.stages:  # each stage begins with it
        lengths["warmup"] = min(lengths["warmup"], max(config.stages.shortest(config.epochs) - 1, 0))
    return configure(config, lengths)


def preset_of(given: Mapping[str, object], takes: type[Input]) -> Preset:
    """What the `method` among some settings stands for. Raises ValueError for a bad value, UserError for a method of
    another kind of network."""
    known = {spec.name: spec for spec in fields(SearchConfig)}
    name = coerce(known["method"], given.get("method", DARTS))
    preset = PRESETS[name]
    for part in preset.parts:
        theirs = known[part].metadata["only"]
        if not goes_with(known[part].metadata, takes.kind):
            raise UserError(
                f"the method `{name}` is for networks of {any_of(theirs)}, and this one is of {takes.kind}",
                f"it stands for `{part}`, which these alone have; `dartsl methods` lists the others",
                exit_code=2,
            )
    return preset


def train_config(takes: type[Input], *layers: Mapping[str, object]) -> TrainConfig:
    """The settings of the training of a network that takes such an input: see `_settled`."""
    return _settled(TrainConfig(), takes, layers)


def usable(
    config: type[SearchConfig] | type[TrainConfig], takes: type[Input], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Those of some settings of a search or a training that a network has which takes such an input."""
    known = {spec.name: spec.metadata for spec in fields(config)}
    return {name: value for name, value in values.items() if goes_with(known[name], takes.kind)}


def any_of(words: Sequence[str]) -> str:
    """`images`, `images or series`, `images, series or vectors`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def of_another_kind(name: str, meta: Mapping[str, Any], takes: type[Input]) -> UserError | None:
    """What is said of a setting of other networks than those that take such an input."""
    if goes_with(meta, takes.kind):
        return None
    return UserError(
        f"the setting `{name}` is for networks of {any_of(meta['only'])}, and this one is of {takes.kind}",
        "leave it out: it would do nothing",
        exit_code=2,
    )


def _settled(base: Config, takes: type[Input], layers: Sequence[Mapping[str, object]]) -> Config:
    """The defaults for a network that takes such an input, and each layer over those before.

    Raises KeyError on an unknown name, ValueError on a bad value, and UserError on a setting of another kind
    of network, which would do nothing.
    """
    known = {spec.name: spec.metadata for spec in fields(base)}
    for name in (name for layer in layers for name in layer):
        if (misfit := of_another_kind(name, known[name], takes)) is not None:
            raise misfit
    defaults = {name: meta["by_kind"] for name, meta in known.items() if takes.kind in meta["by_kind"]}
    base = configure(base, {name: by_kind[takes.kind] for name, by_kind in defaults.items()})
    for layer in layers:
        base = configure(base, layer)
    return _with_epochs(base, layers)


def _with_epochs(config: Config, layers: Sequence[Mapping[str, object]]) -> Config:
    """With those of the stages together, unless a layer says others that is not below the one that has the stages."""
    having = [number for number, layer in enumerate(layers) if "stages" in layer]
    if not having or not isinstance(config, SearchConfig) or not config.stages.epochs:
        return config
    said = any(EPOCHS in layer for layer in layers[having[-1] :])
    return config if said else replace(config, epochs=config.stages.epochs)
