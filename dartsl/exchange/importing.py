"""From a file or a text of another tool to a spec."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dartsl.exchange.compact import is_compact, read_compact
from dartsl.exchange.finding import Found, genotypes
from dartsl.exchange.genotype import Architecture
from dartsl.exchange.literals import Reader, parse_python
from dartsl.exchange.nasbench import is_nasbench, read_nasbench, read_nodes, strings_within
from dartsl.exchange.nni import is_nni, read_nni
from dartsl.exchange.python import genotype_of
from dartsl.exchange.spec_text import spec_text
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.paths import reason

MAX_BYTES = 4_000_000
TEXT = "the text"  # what messages and the spec's comment call a text that is in no file
_GIVE = 'give a file, or a text such as "Genotype(...)" in quotes'
MOST_LISTED = 40  # names of genotypes that a message lists


@dataclass(frozen=True)
class Imported:
    """The text of a spec, and what there is to know about where its cells come from."""

    text: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Read:
    """What a text says: the cells, the name that they have there, and notes on the choice."""

    cells: Architecture
    name: str | None = None
    notes: tuple[str, ...] = ()


def import_text(file_or_text: str, name: str | None = None, keep_unknown: bool = False) -> Imported:
    """A spec made of what another tool wrote; `-` reads standard input. Raises UserError.

    Read are genotypes of the DARTS family wherever they stand (of several under one name the last, as in a log; of
    several names `name` picks one), NAS-Bench-301's tuples, NAS-Bench-201's strings and NNI's JSON of choices.
    `keep_unknown` makes operations that dartsl does not know `extern op`s.
    """
    text, source = _read(file_or_text)
    read = architecture(text.removeprefix("\ufeff"), source, name, keep_unknown)
    return Imported(spec_text(read.cells, read.name, source, read.notes), read.notes)


def architecture(text: str, source: str, name: str | None, keep_unknown: bool = False) -> Read:
    """What a text says. Raises UserError."""
    bare = text.strip()
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"" and is_nasbench(bare[1:-1]):
        bare = bare[1:-1]
    if is_nasbench(bare):
        return _nameless(read_nasbench(bare, source, keep_unknown), name, source)
    if is_nni(bare):
        return _nameless(read_nni(bare, source, keep_unknown), name, source)
    found, fault = genotypes(text, source)
    reader = Reader(source, keep_unknown)
    if found:
        return _picked(found, name, reader)
    numbers = None if fault is not None else _as_literal(bare, reader)
    if numbers is not None:
        return _nameless(numbers, name, source)
    strings = strings_within(text)
    if strings:
        line = 1 + text.count("\n", 0, strings[-1].start())
        notes = _which(len(strings), line, source, "strings")
        return _nameless(read_nasbench(strings[-1][0], source, keep_unknown), name, source, notes)
    if bare.startswith("{"):
        read_nni(bare, source)  # says what is wrong with it
    raise fault or UserError(
        f"{source} holds no `Genotype(...)`", "it is read, never run: only literals count"
    )


def _as_literal(text: str, reader: Reader) -> Architecture | None:
    """The cells that a Python list or tuple stands for. Raises UserError where they are broken."""
    body = parse_python(text, reader.name).body
    value = body[0].value if len(body) == 1 and isinstance(body[0], ast.Expr | ast.Assign) else None
    if isinstance(value, ast.Call) and len(value.args) == 1:  # Structure([...])
        value = value.args[0]
    if not isinstance(value, ast.List | ast.Tuple):
        return None
    return read_compact(value, reader) if is_compact(value, reader) else read_nodes(value, reader)


def _picked(found: Sequence[Found], name: str | None, reader: Reader) -> Read:
    """The genotype of that name; without one the last of all, where they have no different names."""
    source = reader.name
    usable = [each for each in found if each.written_out] or list(found)
    names = list(dict.fromkeys(each.name for each in usable if each.name is not None))
    if name is not None and name not in names:
        has = f"it holds {_listed(names)}" if names else "its genotype has no name"
        raise UserError(f"{source} holds no genotype `{name}`", has)
    if name is None and len(names) > 1:
        raise UserError(f"{source} holds several genotypes", f"pick one by --name: {_listed(names)}")
    wanted = name if name is not None else names[0] if names else None
    chosen = [each for each in usable if each.name == wanted]
    cells, others = genotype_of(chosen[-1], reader)
    notes = list(_which(len(chosen), chosen[-1].line, source, "genotypes"))
    if others:
        notes.append(f"fields left out: {', '.join(others)}")
    return Read(cells, wanted, tuple(notes))


def _which(count: int, line: int, source: str, what: str) -> tuple[str, ...]:
    return (f"line {line} of {source}, the last of {count:,} {what}",) if count > 1 else ()


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_LISTED:,} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


def _nameless(cells: Architecture, name: str | None, source: str, notes: tuple[str, ...] = ()) -> Read:
    if name is not None:
        raise UserError(f"{source} holds no architecture with a name", "leave out --name", 2)
    return Read(cells, None, notes)


def _read(given: str) -> tuple[str, str]:
    if given == "-":
        return _decoded(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input"), "standard input"
    if any(mark in given for mark in "([|{\n") and not _is_file(given):
        return given, TEXT
    if not given:
        raise UserError("the name of a file is empty", _GIVE, 2)
    path = Path(given)
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UserError(
            f"cannot read {given}: {reason(error)}",
            _GIVE,
            2,
        ) from None
    return _decoded(data, given), path.name


def _is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except (OSError, ValueError):  # a text that is not a possible name
        return False


def _decoded(data: bytes, source: str) -> str:
    if len(data) > MAX_BYTES:
        raise UserError(f"{source} is too large to hold cells: more than {MAX_BYTES:,} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{source} is not a text in UTF-8") from None
