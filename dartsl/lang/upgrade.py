"""A file of an earlier version of the language as one of the latest, with the same meaning (`dartsl fmt --upgrade`)."""

from __future__ import annotations

from dataclasses import replace

from dartsl.lang.checker import diagnose
from dartsl.lang.codes.diagnostics import Diagnostic, SpecError
from dartsl.lang.codes.source import HEADER, Source
from dartsl.lang.syntax.grammar import VERSIONS
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.printer import print_file

LATEST = VERSIONS[-1]
NAMES = ("E0202", "E0203")  # codes of names that the latest version defines or keeps for itself


def upgraded(source: Source) -> str:
    """The text of a file in the latest version of the language, as it is written; comments are kept.

    Raises SpecError where it is no sound syntax, and for all that the latest version refuses in it and its own does
    not, such as names that it keeps for itself.
    """
    file = parse(source)
    header = HEADER.match(source.text)
    if file.version == LATEST:
        return print_file(file)
    assert header is not None  # else there is no sound syntax
    start, end = header.span(1)
    # Of the same length, so that every fault is found at its place in the file.
    newer = replace(source, text=f"{source.text[:start]}{LATEST:0{end - start}}{source.text[end:]}")
    known = {_place(fault) for fault in diagnose(source).errors}
    faults = [fault for fault in diagnose(newer).errors if _place(fault) not in known]
    if faults:
        names = [fault for fault in faults if fault.code in NAMES]
        raise SpecError(names or faults)  # what else is wrong may follow from them
    return print_file(replace(file, version=LATEST))


def _place(fault: Diagnostic) -> tuple[str, str, int]:
    span = fault.primary.span
    return fault.code, span.source.name, span.start
