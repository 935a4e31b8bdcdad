"""The settings blocks of the root file, `search { }` and `train { }` (rule 14)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields

from dartsl.lang.diagnostics import Diagnostic, Label
from dartsl.lang.model import SettingLiteral
from dartsl.lang.resolve import close, defined_twice
from dartsl.lang.settings import CONFIGS, coerce
from dartsl.lang.source import Span
from dartsl.lang.syntax import (
    Boolean,
    File,
    ListLiteral,
    Number,
    Setting,
    SettingsDecl,
    SettingValue,
    String,
)


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
                    defined_twice(f"setting `{name}`", setting.name.span, earlier.name.span, here="given")
                )
            value = _value(block.kind, setting)
            if isinstance(value, Diagnostic):
                faults.append(value)
            else:
                found[block.kind][name] = value
    return found


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


def _value(kind: str, setting: Setting) -> SettingLiteral | Diagnostic:
    """The value of a setting in the type of its field."""
    name = setting.name.id
    known = {field.name: field for field in fields(CONFIGS[kind])}
    if name not in known:
        return _unknown(kind, setting, known)
    try:
        value: SettingLiteral = coerce(known[name], literal(setting.value))
    except ValueError as error:
        label = Label(setting.value.span, f"this must be {error}")
        help = f"{name}: {known[name].metadata['help']}"
        return Diagnostic("E0603", f"bad value for the setting `{name}`", label, help=help)
    return value


def _unknown(kind: str, setting: Setting, known: Mapping[str, object]) -> Diagnostic:
    name = setting.name.id
    near = close(name, known)
    others = [
        other for other in CONFIGS if other != kind and name in {f.name for f in fields(CONFIGS[other])}
    ]
    help = f"did you mean `{near}`?" if near else f"`dartsl {kind} --help` lists the settings"
    if others:
        help = f"it is a setting of `{others[0]}`"
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
