"""Somebody's table of architectures and what they reached: a CSV file, read a row at a time.

Rows are matched by what an architecture is, not by how it is spelled: edges into a node may stand in any order. Several
rows of one architecture, such as one for each seed, count as their mean. Where isomorphic architectures count as one,
all of their rows do.
"""

from __future__ import annotations

import csv
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dartsl.exchange.keys import Key, key_of
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.paths import reason

Fits = Callable[[int], bool]  # whether a column, by its place, could be meant
LONGEST = 100_000  # characters of a row's field


@dataclass(frozen=True)
class Figure:
    """What a table says of an architecture in one column.

    value     the mean over its rows
    rank      1 and how many architectures are better; `of` how many there are
    best      the best value in the table, and `distance` how far from it this one is, never negative
    """

    column: str
    value: float
    rank: int
    of: int
    best: float
    distance: float


@dataclass(frozen=True)
class _Column:
    """The figures of one column: of each architecture the mean over its rows, and all of these means in order."""

    means: Mapping[Key, float]
    ordered: Sequence[float]


@dataclass(frozen=True)
class Table:
    """Architectures and figures, read from a file.

    form        how architectures are written: `nasbench201` or `genotype`
    column      of the architectures
    lower       whether lower figures are better
    isomorphic  whether architectures that differ by the names of nodes alone count as one
    values      of each architecture, for each of `columns`, its rows' values
    spellings   where isomorphic ones count as one: of each architecture the different ones that its rows have
    """

    path: Path
    form: str
    column: str
    columns: tuple[str, ...]
    lower: bool = False
    isomorphic: bool = False
    values: dict[Key, list[list[float]]] = field(default_factory=dict)
    spellings: dict[Key, dict[Key, str]] = field(default_factory=dict)

    @cached_property
    def _columns(self) -> tuple[_Column, ...]:
        """Once for all that is looked up."""
        found = []
        for place in range(len(self.columns)):
            means = {key: _mean(rows[place]) for key, rows in self.values.items()}
            found.append(_Column(means, sorted(means.values())))
        return tuple(found)

    def figures(self, key: Key) -> tuple[Figure, ...]:
        """What the table says of an architecture; nothing where it is not in it."""
        if key not in self.values:
            return ()
        found = []
        for name, column in zip(self.columns, self._columns, strict=True):
            own, ordered, of = column.means[key], column.ordered, len(column.ordered)
            better = bisect_left(ordered, own) if self.lower else of - bisect_right(ordered, own)
            best = ordered[0] if self.lower else ordered[-1]
            found.append(Figure(name, own, 1 + better, of, best, abs(best - own)))
        return tuple(found)

    def bounds(self, column: str) -> tuple[float, float]:
        """The least and the greatest figure in a column."""
        ordered = self._columns[self.columns.index(column)].ordered
        return ordered[0], ordered[-1]

    def rows(self, key: Key) -> int:
        """How many rows an architecture has."""
        return len(self.values[key][0]) if key in self.values else 0


def _mean(values: Sequence[float]) -> float:
    return values[0] if len(values) == 1 else math.fsum(values) / len(values)


def read_table(
    path: Path,
    architectures: str | None = None,
    columns: Sequence[str] = (),
    lower: bool = False,
    isomorphic: bool = False,
) -> Table:
    """A table of a CSV file with a header.

    `architectures` and `columns` name what its columns hold; without them the one column of architectures is taken, and
    the one column of numbers. Raises UserError, with line and column, for what cannot be read.
    """
    rows = _rows(path)
    _, header = next(rows, (0, []))
    if not header or len(set(header)) < len(header):
        raise UserError(f"{path} begins with no header of different columns", "its first line names them")
    first = next(rows, None)
    if first is None:
        raise UserError(f"{path} holds no rows")
    line, row = first
    place = _named(path, header, architectures, "--architecture", lambda at: _is_architecture(row[at]))
    wanted = [_named(path, header, name, "--column", lambda at: False) for name in columns]
    wanted = wanted or [
        _named(path, header, None, "--column", lambda at: at != place and _is_number(row[at]))
    ]
    form = "nasbench201" if row[place].strip().strip("'\"").startswith("|") else "genotype"
    table = Table(path, form, header[place], tuple(header[each] for each in wanted), lower, isomorphic)
    _add(table, line, row, place, wanted)
    for line, row in rows:
        _add(table, line, row, place, wanted)
    return table


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows with the lines that they end on; each as long as the first. Raises UserError."""
    width = None
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for row in reader:
                if not row:
                    continue
                width = len(row) if width is None else width
                if len(row) != width:
                    raise UserError(f"{path}:{reader.line_num}: {len(row)} fields, the header has {width}")
                yield reader.line_num, row
    except csv.Error as error:
        raise UserError(f"{path}:{reader.line_num}: {error}", "is it a CSV file?") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a text in UTF-8", "is it a CSV file?") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {reason(error)}", exit_code=2) from None


def _named(path: Path, header: Sequence[str], name: str | None, option: str, fits: Fits) -> int:
    """The place of a column that is named, or of the only one that fits."""
    if name is not None:
        if name not in header:
            raise UserError(f"{path} has no column `{name}`", f"it has {', '.join(header)}", 2)
        return header.index(name)
    fitting = [at for at in range(len(header)) if fits(at)]
    if len(fitting) == 1:
        return fitting[0]
    what = "architectures" if option == "--architecture" else "numbers"
    if not fitting:
        raise UserError(f"{path} has no column of {what} in its first row", f"name one by {option}", 2)
    several = ", ".join(header[at] for at in fitting)
    raise UserError(
        f"{path} has several columns of {what}", f"name those that count by {option}: {several}", 2
    )


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_architecture(text: str) -> bool:
    return text.strip().strip("'\"").startswith("|") or "Genotype" in text or "normal" in text


def _add(table: Table, line: int, row: Sequence[str], place: int, wanted: Sequence[int]) -> None:
    where = f"{table.path}:{line}"
    text, source = row[place][:LONGEST], f"{where}, column `{table.column}`"
    key = key_of(text, source, table.isomorphic)
    if table.isomorphic:
        table.spellings.setdefault(key, {}).setdefault(key_of(text, source), text)
    values = table.values.setdefault(key, [[] for _ in wanted])
    for column, at, own in zip(table.columns, wanted, values, strict=True):
        if not _is_number(row[at]):
            raise UserError(f"{where}, column `{column}`: `{row[at][:40]}` is not a number")
        own.append(float(row[at]))


@dataclass(frozen=True)
class LookedUp:
    """What a table says of one architecture; without figures it is not in the table.

    rows      how many rows of the table it has, of which the figures are means
    matching  where isomorphic architectures count as one: those that these rows have, as the table writes them
    """

    found: str
    architecture: str
    rows: int
    figures: tuple[Figure, ...]
    matching: tuple[str, ...] = ()


def looked_up(table: Table, texts: Iterable[tuple[str, str]]) -> tuple[LookedUp, ...]:
    """What a table says of architectures: of each what it is called, and its text as the table writes them."""
    found = []
    for name, text in texts:
        key = key_of(text, name, table.isomorphic)
        matching = tuple(table.spellings.get(key, {}).values())
        found.append(LookedUp(name, text, table.rows(key), table.figures(key), matching))
    return tuple(found)
