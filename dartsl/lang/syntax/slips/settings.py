"""Slips in `search { }` and `train { }`, which hold literals alone."""

from __future__ import annotations

from dartsl.lang.settings.schedules import SHAPES
from dartsl.lang.syntax.slips.slip import Slip

_IN = r"in (?:search|train)"
_NAME = r"[A-Za-z_]\w*"
_VALUE = r"(?P<v>\"[^\"\n]*\"|[^\s,}#]+)"

SLIPS: tuple[Slip, ...] = (
    # ------------------------------------------------------------ values that were taken for two things
    Slip(r"", "write the digits without `_`", before=r"=\s*(?P<m>\d+_\d\w*)\s*", where=_IN),
    Slip(r"", "a number cannot end in letters", before=rf"=\s*(?P<m>\d+(?!e[-+]?\d){_NAME})\s*", where=_IN),
    Slip(
        r"",
        "numbers are written without a unit",
        before=rf"=\s*\d[\d.e-]*[ \t]+(?P<m>{_NAME})\s*",
        where=_IN,
    ),
    Slip(
        rf"(?=\}}|{_NAME}\s*=|\Z)",
        "write its value, `{n} = ...`, or remove the setting",
        before=rf"\b(?P<n>{_NAME})\s*=\s*",
        where=_IN,
        title="this setting has no value",
        label="a value is missing here",
        ends=True,
    ),
    Slip(r"\.\.[^\n]*", "a setting has one value", before=r"\d\s*", where=_IN),
    Slip(r"\{", "one brace is enough", before=r"\A\s*", where=_IN),
    # ------------------------------------------------------------ names and signs
    Slip(
        rf"(?P<n>{_NAME})\s*=",
        "settings have no types: `{n} = ...`",
        before=rf"(?:\A|\s)(?P<m>{_NAME})[ \t]+",
        where=_IN,
    ),
    Slip(
        r"-\s*(?P<b>\w+)",
        "names are written with `_`: `{a}_{b}`",
        before=rf"(?:\A|\s)(?P<m>(?P<a>{_NAME}))",
        where=_IN,
    ),
    Slip(
        r"(?P<k>search|train)\s*\{",
        "`{k}` has braces of its own: close those above with `}}` first",
        where=_IN,
        skip="block",
    ),
    Slip(
        rf":?=?\s*{_VALUE}",
        "a setting is written with `=`: `{n} = {v}`",
        before=rf"(?P<m>\b(?P<n>{_NAME}))\s*(?=:)",
        where=_IN,
    ),
    Slip(
        rf"(?P<m>[:+-]?=|:)\s*{_VALUE}",
        "a setting is written with one `=`: `{n} = {v}`",
        before=rf"\b(?P<n>{_NAME})\s*",
        where=_IN,
    ),
    Slip(
        rf"=\s*{_VALUE}",
        "a setting is written with one `=`: `{n} = {v}`",
        before=rf"\b(?P<n>{_NAME})\s*(?P<m>=)",
        where=_IN,
    ),
    Slip(
        r"(?P<v>[\d\"\[].*)",
        "a setting is written with `=`: `{n} = {v}`",
        before=rf"(?:\A|[\s{{])(?P<m>(?P<n>{_NAME}))\s+",
        where=_IN,
    ),
    Slip(
        r"\"(?P<n>\w+)\"\s*[:=]\s*(?P<v>[^\s,}]*)", "names are written without quotes: `{n} = {v}`", where=_IN
    ),
    Slip(r"-+\s*(?P<n>\w+)", "a setting is written as `{n} = ...`", where=_IN, before=r"(?:\A|\n)\s*"),
    Slip(
        r"\{",
        "settings are not nested: write each on its own line",
        skip="block",
        before=rf"(?P<m>\b{_NAME})\s*[=:]?\s*",
        where=_IN,
    ),
    # ------------------------------------------------------------ values
    Slip(r"(?P<m>True|TRUE|yes|Yes|on|On|ON)\b", "write `true`", before=r"[=\[,]\s*", where=_IN),
    Slip(r"(?P<m>False|FALSE|no|No|off|Off|OFF)\b", "write `false`", before=r"[=\[,]\s*", where=_IN),
    Slip(
        r"(?P<m>None|none|NONE|null|nil|undefined)\b",
        "remove the setting: it then has its default",
        before=r"[=\[,]\s*",
        where=_IN,
        label="there is no such value",
    ),
    Slip(
        r"-?(?P<m>NaN|nan|inf|Inf|Infinity)\b",
        "numbers are finite: remove the setting to use its default",
        before=r"[=\[,]\s*-?\s*",
        where=_IN,
    ),
    Slip(
        rf"(?P<m>{'|'.join(SHAPES)})\b",
        "a schedule has two numbers in parentheses: `{m}(10, 0.1)`",
        before=r"=\s*",
        where=_IN,
        label="its numbers are missing here",
    ),
    Slip(
        r"(?P<m>stage)\s*\(",
        "stages stand in a list: `[stage(keep = 5), stage(keep = 3)]`",
        before=r"=\s*",
        where=_IN,
        label="a stage alone is not a value",
    ),
    Slip(
        r"(?P<m>[A-Za-z_/][\w./:-]*)",
        'strings are written in double quotes: `"{m}"`',
        before=r"[=\[,]\s*",
        where=_IN,
        label="a name is not a value",
    ),
    Slip(r"\((?P<x>[^)\n]*)\)?", "a list is written `[{x}]`", before=r"=\s*", where=_IN),
    Slip(r"[\d\"-][^\s,\]]*", "the items of a list are separated by commas", before=r"\[[^\]=]*", where=_IN),
    Slip(
        r"\*+|/+|\+|-",
        "settings are literals: write the result",
        before=r"\d\s*",
        where=_IN,
        label="nothing is computed here",
    ),
    Slip(r",(?P<d>\d+)", "a fraction is written with a dot: `0.{d}`", before=r"(?P<m>\b0)", where=_IN),
    Slip(r",\d{3}\b", "write the number without separators", before=r"(?P<m>\b\d+)", where=_IN),
    Slip(r"_\d\w*", "write the digits without `_`", before=r"(?P<m>\b\d+)", where=_IN),
    Slip(r",", "remove it: a new line is enough between settings", where=_IN),
    Slip(rf"{_NAME}", "numbers are written without a unit", before=r"=[ \t]*\d[\d.e-]*[ \t]*", where=_IN),
    Slip(
        r"(?=\}|\w+\s*=|\Z)",
        "write its value, `{n} = ...`, or remove the setting",
        before=rf"\b(?P<n>{_NAME})\s*",
        where=_IN,
        title="this setting has no value",
        label="`=` and a value are missing here",
        ends=True,
    ),
    # ------------------------------------------------------------ the first line
    Slip(
        r"[:=(\[]|\w+",
        "settings are written in braces: `{k} {{ epochs = 10 }}`",
        before=r"(?P<m>\b(?P<k>search|train))\s*",
        where="search|train",
    ),
)
