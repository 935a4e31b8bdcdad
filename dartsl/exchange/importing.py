"""From a file or a text of another tool to a spec."""

from __future__ import annotations

import sys
from pathlib import Path

from dartsl.exchange.genotype import Architecture
from dartsl.exchange.nasbench import is_nasbench, read_nasbench
from dartsl.exchange.nni import read_nni
from dartsl.exchange.python import read_genotype
from dartsl.exchange.spec_text import spec_text
from dartsl.lang.diagnostics import UserError

MAX_BYTES = 4_000_000
TEXT = "the text"  # what messages and the spec's comment call a text that is in no file


def import_text(file_or_text: str, name: str | None = None) -> str:
    """The text of a spec made of what another tool wrote; `-` reads standard input. Raises UserError.

    Read are `Genotype(...)` literals (in a Python file too, where `name` picks one of several), NAS-Bench-201's
    strings and NNI's JSON of choices.
    """
    text, source = _read(file_or_text)
    found = architecture(text, source, name)
    return spec_text(found[1], found[0], source)


def architecture(text: str, source: str, name: str | None) -> tuple[str | None, Architecture]:
    """What a text says, and the name that it has there. Raises UserError."""
    bare = text.strip().lstrip("\ufeff")
    quoted = len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\""
    if is_nasbench(bare[1:-1] if quoted else bare):
        _no_name(name, source)
        return None, read_nasbench(bare[1:-1] if quoted else bare, source)
    if bare.startswith("{"):
        _no_name(name, source)
        return None, read_nni(bare, source)
    return read_genotype(text.removeprefix("\ufeff"), source, name)


def _no_name(name: str | None, source: str) -> None:
    if name is not None:
        raise UserError(f"{source} holds one architecture, without a name", "leave out --name", 2)


def _read(given: str) -> tuple[str, str]:
    if given == "-":
        return _decoded(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input"), "standard input"
    if any(mark in given for mark in "(|{\n") and not _is_file(given):
        return given, TEXT
    path = Path(given)
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"cannot read {given}: {reason}", 'give a file, or a text such as "Genotype(...)" in quotes', 2
        ) from None
    return _decoded(data, given), path.name


def _is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except (OSError, ValueError):  # a text that is no possible name
        return False


def _decoded(data: bytes, source: str) -> str:
    if len(data) > MAX_BYTES:
        raise UserError(f"{source} is too large to hold cells: more than {MAX_BYTES:,} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{source} is not a text in UTF-8") from None
