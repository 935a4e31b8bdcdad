"""The first line of a file, `darts 1`: the version of the language that it is written in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dartsl.lang.codes import e01
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.source import HEADER, Source, Span
from dartsl.lang.syntax.grammar import VERSIONS
from dartsl.lang.syntax.syntax_faults import shown

# What was meant to be a header: `darts: 1`, `Darts v1.0`, `# darts 1;`, `version 1`.
_MEANT = re.compile(
    r"""(?:[ \t\r\n]|\#(?!!?[ \t]*darts[ \t]+\d)[^\n]*)*+
    (?P<m>\#?!?[ \t]*["']?(?:darts|dartsl|version|lang|language)(?![a-z_])
    [ \t]*[-:=(]?[ \t]*["']?[ \t]*(?:v|version)?\.?[ \t]*\d*(?:\.\d+)*["']?\)?[;,]?)(?=\s|\Z|\#)""",
    re.VERBOSE | re.IGNORECASE,
)

# Files of other kinds, by how they start.
_KINDS = (
    (r"(?:import [a-z]\w*(?:\.|\n| as )|from [a-z][\w.]* import|def |class |@)",
     "this looks like Python: a spec is written in the .darts language, and a file that implements its `extern op`s "
     "is given with `--plugin FILE.py`"),
    (r"(?:\w+ *= *)?(?:DARTS)?Genotype\(|\|\w+~0\|",
     "this looks like a genotype: `dartsl import` turns it into a spec"),
    (r"[{\[]\s*[\"'{\[\]}]", "this looks like JSON: a spec is written in the .darts language"),
)  # fmt: skip


@dataclass(frozen=True)
class Header:
    """The version of a file, None where it is unknown, and its text with blanks for what is no header."""

    version: int | None
    text: str
    faults: tuple[Diagnostic, ...] = ()
    meant: bool = True  # whether there is a header, or what was meant for one


def read_header(source: Source) -> Header:
    """The header of a text, which a byte-order mark may precede. One that is missing counts as `darts 1`, unless what
    was meant for it names another version."""
    text = " " + source.text[1:] if source.text.startswith("\ufeff") else source.text
    found = HEADER.match(text)
    if found is not None and text[found.end() : found.end() + 1] not in (".", ";", ","):
        version = int(found[1][-9:])
        if version in VERSIONS:
            return Header(version, text)
        span = Span(source, found.start(1), found.end(1))
        return Header(None, text, (e01.unknown_version(span, shown(found[1]), VERSIONS),))
    meant = _MEANT.match(text)
    if meant is not None:
        start, end = meant.span("m")
        version = _version(meant["m"])
        fault = e01.no_header(Span(source, start, end), version, f"this must be `darts {version}`", None)
        return Header(version, text[:start] + " " * (end - start) + text[end:], (fault,))
    first = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+").match(text)
    start = first.end() if first else 0
    word = re.compile(r"\w+|\S|\Z").match(text, start)
    end = word.end() if word else start
    fault = e01.no_header(Span(source, start, end), 1, "expected `darts 1`", _kind(text[start:]))
    return Header(1, text, (fault,), meant=False)


def _version(meant: str) -> int:
    """The version that a header was meant to name; 1 where it names none that is known."""
    found = re.search(r"\d+(?!\.[1-9])", meant)
    return int(found[0][-9:]) if found and int(found[0][-9:]) in VERSIONS else 1


def _kind(text: str) -> str | None:
    """What to do with a file of another kind."""
    return next((help for pattern, help in _KINDS if re.match(pattern, text)), None)
