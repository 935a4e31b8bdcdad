"""The settings blocks of the root file, `search { }` and `train { }` (rule 14)."""

from __future__ import annotations

import math
import re
from dataclasses import Field, fields
from fractions import Fraction
from typing import Any

from dartsl.lang.check.model import SettingLiteral
from dartsl.lang.check.stage_faults import stage_faults
from dartsl.lang.codes import e02
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Span
from dartsl.lang.codes.suggestions import close
from dartsl.lang.settings.schedules import Schedule
from dartsl.lang.settings.stages import SearchStage, Stages
from dartsl.lang.settings.values import CONFIGS, accepted, coerce
from dartsl.lang.syntax import foreign
from dartsl.lang.syntax.ast import (
    Boolean,
    File,
    ListLiteral,
    Number,
    ScheduleLiteral,
    Setting,
    SettingsDecl,
    SettingValue,
    StageLiteral,
    String,
)
from dartsl.lang.syntax.grammar import VERSIONS

LOSS = "loss"  # the setting that counts for search and training
_BOOLEANS = {"true": "true", "yes": "true", "on": "true", "1": "true"}
_BOOLEANS |= {"false": "false", "no": "false", "off": "false", "0": "false"}


def read_settings(root: File, faults: list[Diagnostic]) -> dict[str, dict[str, SettingLiteral]]:
    """The settings of each kind that the root file gives; E0602, E0603, E0604 (E0202 for a repeated one)."""
    found: dict[str, dict[str, SettingLiteral]] = {kind: {} for kind in CONFIGS}
    first: dict[str, SettingsDecl] = {}
    for block in root.declarations:
        if not isinstance(block, SettingsDecl):
            continue
        before = first.setdefault(block.kind, block)
        if before is not block:
            faults.append(_second(block, before))
        seen: dict[str, Setting] = {}
        for setting in block.settings:
            name = setting.name.id
            earlier = seen.setdefault(name, setting)
            if earlier is not setting:
                faults.append(
                    e02.defined_twice(f"setting `{name}`", setting.name.span, earlier.name.span, here="given")
                )
            if written := list(stage_faults(setting)):
                faults += written
                continue
            value = _value(block.kind, setting, root.version)
            if isinstance(value, Diagnostic):
                faults.append(value)
            else:
                found[block.kind][name] = value
    _share_loss(root, found, faults)
    return found


def _share_loss(root: File, found: dict[str, dict[str, SettingLiteral]], faults: list[Diagnostic]) -> None:
    """Let a `loss` that one block gives count for the other one; E0612 where they differ."""
    values = {kind: settings[LOSS] for kind, settings in found.items() if LOSS in settings}
    if len(set(values.values())) == 2:
        first, second = (Label(span_of(root, kind, LOSS), f"`{values[kind]}` here") for kind in values)
        faults.append(
            Diagnostic(
                "E0612",
                "a search and a training with different losses",
                second,
                (first,),
                "a `loss` in one of the blocks counts for both",
            )
        )
    for settings in found.values():
        if values:
            settings.setdefault(LOSS, next(iter(values.values())))


def span_of(root: File, kind: str, name: str) -> Span:
    """The place of a setting that the block of a kind gives."""
    return next(
        setting.span
        for block in root.declarations
        if isinstance(block, SettingsDecl) and block.kind == kind
        for setting in block.settings
        if setting.name.id == name
    )


def _second(block: SettingsDecl, before: SettingsDecl) -> Diagnostic:
    return Diagnostic(
        "E0604",
        f"a second `{block.kind}` block",
        Label(_opening(block), "one is accepted"),
        (Label(_opening(before), "the first one is here"),),
        "move its settings into the first one",
    )


def _opening(block: SettingsDecl) -> Span:
    return Span(block.span.source, block.span.start, block.span.start + len(block.kind))


def _value(kind: str, setting: Setting, version: int) -> SettingLiteral | Diagnostic:
    """The value of a setting in the type of its field."""
    name = setting.name.id
    known = _known(kind, version)
    if name not in known:
        return _unknown(kind, setting, version)
    meant = foreign.value(name, setting.value.value) if isinstance(setting.value, String) else None
    try:
        if isinstance(setting.value, String) and isinstance(known[name].default, Schedule):
            raise ValueError("written without quotes")
        value: SettingLiteral = coerce(known[name], literal(setting.value))
    except ValueError as error:
        return _bad_value(setting, f"this must be {error}", known[name], meant)
    return value if meant is None else _bad_value(setting, f"this is written {meant}", known[name], meant)


def _bad_value(setting: Setting, label: str, field: Field[Any], meant: str | None) -> Diagnostic:
    name, given = setting.name.id, setting.value
    help = f"{name}: {field.metadata['help']}"
    meant = meant or _retyped(given, field)
    near = _misspelt(given, field)
    if near is not None:
        given, help = near[0], f"did you mean `{near[1]}`?"
    elif meant is not None:
        help = f"write `{name} = {meant}`"
    title = f"bad value for the setting `{name}`"
    return Diagnostic("E0603", title, Label(given.span, label), help=help)


def _misspelt(given: SettingValue, field: Field[Any]) -> tuple[String, str] | None:
    """Of a setting that takes registered names, the first that is near to one of these, and that one."""
    known = accepted(field) if field.metadata["names"] is not None else None
    for item in given.items if isinstance(given, ListLiteral) else (given,):
        if known and isinstance(item, String) and item.value not in known:
            near = close(item.value, known)
            return None if near is None else (item, near)
    return None


def _retyped(given: SettingValue, field: Field[Any]) -> str | None:
    """A value in the type that the setting has, where that is plain; for lists and schedules, an example."""
    default = field.default
    if isinstance(default, Schedule):
        return str(default) if isinstance(given, String | ScheduleLiteral) else None
    if isinstance(default, Stages):
        return "[stage(keep = 8, epochs = 25), stage(keep = 4, epochs = 25)]"
    if isinstance(default, tuple):
        return f"[{', '.join(str(item) for item in default)}]" if default else None
    if isinstance(default, bool) and not isinstance(given, Boolean):
        text = given.value if isinstance(given, String) else getattr(given, "lexeme", "")
        return _BOOLEANS.get(text.lower())
    if isinstance(given, String) and isinstance(default, int | float):
        return given.value if re.fullmatch(r"\d+(\.\d+)?(e-?\d+)?", given.value) else None
    if isinstance(given, Number) and isinstance(default, str) and accepted(field) is None:
        return f'"{given.lexeme}"'
    return None


def _known(kind: str, version: int) -> dict[str, Field[Any]]:
    """The settings of a kind that a version of the language has, by their names."""
    return {each.name: each for each in fields(CONFIGS[kind]) if each.metadata["since"] <= version}


def _unknown(kind: str, setting: Setting, version: int) -> Diagnostic:
    name, known = setting.name.id, _known(kind, version)
    meant = foreign.setting(name) or name
    (other,) = (config for config in CONFIGS if config != kind)
    near = close(name, known)
    help = f"`dartsl {kind} --help` lists the settings"
    if meant in known:
        help = f"did you mean `{meant}`?"
    elif meant in _known(other, version):
        help = f"move it into `{other} {{ }}`: `{meant}` is a setting of that block"
    elif (advice := foreign.no_setting(name)) is not None:
        later = meant in _known(kind, VERSIONS[-1])
        help = f"{advice}; `{meant}` needs `darts {VERSIONS[-1]}` at the top of the file" if later else advice
    elif near is not None:
        help = f"did you mean `{near}`?"
    label = Label(setting.name.span, f"not a setting of `{kind}`")
    return Diagnostic("E0602", f"unknown setting `{name}`", label, help=help)


def literal(value: SettingValue) -> SettingLiteral:
    """The Python value of a literal. Raises ValueError for a number that is not finite."""
    match value:
        case Number(lexeme):
            if lexeme.lstrip("-").isdigit():
                return int(lexeme)
            number = float(lexeme)
            if not math.isfinite(number):
                raise ValueError("a finite number")
            return number
        case String(text):
            return text
        case Boolean(flag):
            return flag
        case ListLiteral(items):
            return tuple(literal(item) for item in items)
        case ScheduleLiteral(shape, numbers):
            return Schedule.of(shape, *(float(number.lexeme) for number in numbers))
        case StageLiteral(entries):
            return SearchStage.of({entry.name.id: Fraction(entry.value.lexeme) for entry in entries})
