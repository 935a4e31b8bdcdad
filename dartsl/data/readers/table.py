"""A .csv file with a header: vectors of its numeric columns, and of its categorical ones, a feature for each category.

A column is numeric where all of its values are numbers, and categorical where none is. Nothing is guessed: a missing
value, a word among numbers, and a number among words are refused with their row and their column.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isinf
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dartsl.data.images import FORMS, Array, Column, ImageData, assemble
from dartsl.data.readers.parts import parted
from dartsl.data.targets import MOST, Wanted
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.suggestions import close

BYTES, COLUMNS, CATEGORIES = 1 << 28, 10_000, 100  # the most that are read
SHOWN = 40  # characters of a value, in a message
PLACES = 10  # of missing values, in a message
LOST = 1e-3  # of a column's deviation: the most that float32 may round its numbers by
MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none", "missing"})  # in lower case
_WHOLE = re.compile(r"[+-]?\d{1,300}", re.ASCII)
_NUMBER = re.compile(
    r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE
)  # float takes `1_000`, too


class Value(NamedTuple):
    """What stands in a column, and the number of its row in the file, where the header is row 1 or a later one."""

    row: int
    text: str


@dataclass(frozen=True)
class Table:
    """The names of the columns, and the rows, all as long; `numbers` are those of the rows in the file, where blank
    ones count."""

    path: Path
    names: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int]

    def column(self, name: str) -> list[Value]:
        """The values of a column."""
        place = self.names.index(name)
        return [
            Value(number, row[place].strip()) for number, row in zip(self.numbers, self.rows, strict=True)
        ]

    def require_complete(self, names: Sequence[str]) -> None:
        """Raises UserError, with their places, where values of some columns are missing."""
        columns = [(self.names.index(name), name) for name in names]
        missing = [
            (name, number)
            for number, row in zip(self.numbers, self.rows, strict=True)
            for place, name in columns
            if row[place].strip().lower() in MISSING
        ]
        if len(missing) == 1:
            raise self.fault(
                *missing[0], "a value is missing", "fill it in, or leave its row or its column out"
            )
        if missing:
            places = [f"row {row}, column `{name}`" for name, row in missing[:PLACES]]
            more = len(missing) - PLACES
            raise UserError(
                f"{self.path}: {len(missing):,} values are missing: {'; '.join(places)}"
                f"{f'; and {more:,} more' if more > 0 else ''}",
                "fill them in, or leave their rows or their columns out",
            )

    def numeric(self, name: str) -> Array:
        """The numbers of a column, float64 (N,), which float32 can hold. Raises UserError for what is none."""
        return np.array([self._number(name, value) for value in self.column(name)])

    def _number(self, name: str, value: Value) -> float:
        number = _number(value.text)
        if number is None:
            raise self.fault(
                name,
                value.row,
                f"`{_shown(value.text)}` is no number, and others of the column are",
                "write a number, or words in the whole column",
            )
        if not abs(number) <= MOST:
            raise self.fault(name, value.row, f"`{_shown(value.text)}` is beyond all float32 numbers")
        return number

    def require(self, name: str, why: str) -> None:
        """Raises UserError where there is no such column."""
        if name not in self.names:
            raise UserError(f"{self.path}: has no column `{name}`{why}", self._help(name))

    def _help(self, name: str) -> str:
        near = close(name, self.names)
        return (f"did you mean `{near}`? " if near else "") + f"its columns are {', '.join(self.names[:20])}"

    def fault(self, column: str, row: int, what: str, help: str | None = None) -> UserError:
        """An error in a place of the table."""
        return UserError(f"{self.path}: row {row}, column `{column}`: {what}", help)


def read(path: Path, wanted: Wanted) -> ImageData:
    """The vectors of a table, but for its columns with the classes, by the order of their names, or the numbers that
    are wanted, and those that are dropped.

    A fifth of each class (or of all rows), by a fixed seed, is the test part. Raises UserError.
    """
    found, numbers = read_table(path), wanted.numbers
    _require_columns(found, wanted)
    sources = [name for name in found.names if name not in (*wanted.target, *wanted.drop)]
    if not sources:
        predicted = ", ".join(f"`{name}`" for name in wanted.target)
        raise UserError(
            f"{path}: no column is left to predict {predicted} from",
            "add columns, or drop fewer" if wanted.drop else "add columns",
        )
    found.require_complete([*sources, *wanted.target])
    names = wanted.target if numbers else _classes(found, wanted.target[0])
    labels = _answers(found, wanted, names)
    columns = [_column(found, name) for name in sources]
    values = encoded(found, columns, trains=True)
    parts = parted([0] * len(labels) if numbers else labels.tolist())
    if not parts[1]:
        each = "the rows" if numbers else "each class"
        raise UserError(f"{path}: too few rows to set a fifth of {each} apart as test rows", "add rows")
    train, test = ((values[places], labels[places]) for places in parts)
    return assemble(path.name, train, test, names=names, form=FORMS[1], columns=columns, numbers=numbers)


def _classes(found: Table, target: str) -> list[str]:
    """The classes that a column has. Raises UserError where it does not repeat them."""
    answers = [value.text for value in found.column(target)]
    spelt: dict[float | str, str] = {}
    for text in sorted(set(answers), key=lambda text: (len(text), text)):
        spelt.setdefault(_class_key(text), text)
    classes = sorted(spelt.values(), key=_order)
    if len(classes) > len(answers) // 2:
        raise UserError(
            f"{found.path}: the column `{target}` has {len(classes):,} classes in {len(answers):,} rows",
            'a column of classes repeats them; numbers are predicted with `loss = "mse"` (--loss mse)',
        )
    return classes


def _labels(found: Table, target: str, classes: Sequence[str]) -> Array:
    """The number of each row's class, (N,). Raises UserError for one that is none of `classes`."""
    numbers = {_class_key(name): number for number, name in enumerate(classes)}
    answers = found.column(target)
    for value in answers:
        if _class_key(value.text) not in numbers:
            raise found.fault(
                target,
                value.row,
                f"`{_shown(value.text)}` is none of the classes",
                f"the network knows {', '.join(classes[:20])}",
            )
    return np.array([numbers[_class_key(value.text)] for value in answers])


def _class_key(text: str) -> float | str:
    """What two spellings of one class have in common: `1` and `1.0` are one number. Whole numbers are taken exactly."""
    if _WHOLE.fullmatch(text):
        return int(text)
    number = _number(text)
    return text if number is None or isinf(number) else number


def _answers(found: Table, wanted: Wanted, classes: Sequence[str]) -> Array:
    """What is to be predicted of each row: the number of its class, (N,), or numbers, float64 (N, T)."""
    if wanted.numbers:
        return np.stack([found.numeric(name) for name in wanted.target], axis=1)
    return _labels(found, wanted.target[0], classes)


def read_like(path: Path, wanted: Wanted, columns: Sequence[Column], classes: Sequence[str]) -> ImageData:
    """All rows of another table as test part (and as training part, since there must be one), by the columns,
    categories and classes of the one that a network was trained on. Raises UserError."""
    found = read_table(path)
    for name in wanted.target:
        found.require(name, ", which the network predicts")
    found.require_complete(wanted.target)
    both = encoded(found, columns), _answers(found, wanted, classes)
    return assemble(
        path.name, both, both, names=classes, form=FORMS[1], columns=columns, numbers=wanted.numbers
    )


def _require_columns(found: Table, wanted: Wanted) -> None:
    """Raises UserError where there are no such columns, or they cannot be told from one another."""
    target, drop = wanted.target, wanted.drop
    if not target:
        raise UserError(
            f"{found.path}: which column is to be predicted?",
            f"--target-column names one of its columns: {', '.join(found.names[:20])}",
        )
    for name in (*target, *drop):
        found.require(name, "")
    if len(target) > 1 and not wanted.numbers:
        raise UserError(
            f"{found.path}: the classes are in one column, and {len(target)} are named",
            'name one of them; several columns of numbers are predicted with `loss = "mse"` (--loss mse)',
        )
    both = next((name for name in target if name in drop), None)
    if both is not None:
        raise UserError(
            f"{found.path}: the column `{both}` is to be predicted, and to be dropped",
            "leave out one of the two",
        )


def _require_told_apart(found: Table, name: str, numbers: Array) -> None:
    """Raises UserError for a column whose numbers (N,) float32, in which networks compute, would make nearly alike."""
    lost = float(np.abs(numbers.astype(np.float32) - numbers).max())
    if np.ptp(numbers) > 0 and lost > LOST * numbers.std():
        raise UserError(
            f"{found.path}: the column `{name}`: float32 rounds its numbers by up to {lost:.2g}, and they deviate by "
            f"{numbers.std():.2g}",
            "subtract one number from the whole column, such as its smallest, or leave it out (--drop-column)",
        )


def read_table(path: Path) -> Table:
    """What a file holds. Raises UserError."""
    try:
        size = path.stat().st_size
        if size > BYTES:
            raise UserError(
                f"{path}: {size:,} bytes, and tables are read up to {BYTES:,}", "store it as an .npz file"
            )
        with path.open(encoding="utf-8-sig", newline="") as file:
            read = [(number, row) for number, row in enumerate(csv.reader(file, strict=True), start=1) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path}: not a readable .csv file ({error})", "store it as UTF-8, with commas"
        ) from None
    except OSError as error:  # not allowed, or gone
        raise UserError(f"{path}: cannot be read ({error})", "check the path and its permissions") from None
    if len(read) < 2:
        raise UserError(
            f"{path}: {'no row' if read else 'nothing'} below the header", "is the file complete?"
        )
    names = [name.strip() for name in read[0][1]]
    _require_names(path, names)
    for number, row in read[1:]:
        if len(row) != len(names):
            values = f"{len(row)} {'value' if len(row) == 1 else 'values'}"
            columns = f"are {len(names)} columns" if len(names) > 1 else "is 1 column"
            raise UserError(
                f"{path}: row {number} has {values}, and there {columns}",
                "is a comma missing, or a value with a comma in it without quotes?",
            )
    return Table(path, names, [row for _, row in read[1:]], [number for number, _ in read[1:]])


def _require_names(path: Path, names: Sequence[str]) -> None:
    if len(names) > COLUMNS:
        raise UserError(f"{path}: {len(names):,} columns, and at most {COLUMNS:,} are read")
    if all(not name or _number(name) is not None for name in names):
        raise UserError(f"{path}: its first row names no columns", "write their names in the first row")
    if "" in names:
        raise UserError(
            f"{path}: column {names.index('') + 1} of {len(names)} has no name",
            "name it in the first row, or leave it out; pandas leaves its index out with "
            "`to_csv(path, index=False)`",
        )
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise UserError(f"{path}: has the column `{twice[0]}` twice", "give each column a name of its own")


def encoded(found: Table, columns: Sequence[Column], *, trains: bool = False) -> Array:
    """The rows as vectors float32 (N, F), by columns that are known. Raises UserError for what they have not, and for
    those of a table that `trains` a network, but float32 cannot hold."""
    for name, _ in columns:
        found.require(name, ", which the network was trained on")
    found.require_complete([name for name, _ in columns])
    parts: list[Array] = []
    for name, categories in columns:
        if not categories:
            numbers = found.numeric(name)
            if trains:
                _require_told_apart(found, name, numbers)
            parts.append(numbers.astype(np.float32)[:, None])  # (N, 1)
            continue
        values = found.column(name)
        for value in values:
            if value.text not in categories:
                raise found.fault(
                    name,
                    value.row,
                    f"`{_shown(value.text)}` is none of its categories",
                    f"the network knows {', '.join(categories[:20])}",
                )
        parts.append(
            np.array([[value.text == each for each in categories] for value in values], dtype=np.float32)
        )
    return np.concatenate(parts, axis=1)


def _column(found: Table, name: str) -> Column:
    """A column, and its categories; none where it is numeric. Raises UserError."""
    values = found.column(name)
    numbers = [value for value in values if _number(value.text) is not None]
    if 2 * len(numbers) >= len(values):
        return name, ()  # of what is no number `encoded` says so
    if numbers:
        raise found.fault(
            name,
            numbers[0].row,
            f"`{_shown(numbers[0].text)}` is a number, and most of the column are words",
            "write a word in its place, such as `c1`, or numbers in the whole column",
        )
    categories = sorted({value.text for value in values})
    if len(categories) > CATEGORIES:
        raise UserError(
            f"{found.path}: the column `{name}` has {len(categories):,} different words, and at most {CATEGORIES} "
            "are read",
            f"leave it out (--drop-column {name}), or store it as numbers",
        )
    return name, tuple(categories)


def _shown(value: str) -> str:
    return value if len(value) <= SHOWN else f"{value[:SHOWN]}..."


def _number(value: str) -> float | None:
    return float(value) if _NUMBER.fullmatch(value) else None


def _order(answer: str) -> tuple[bool, float, str]:
    """Numbers before words, each in their own order."""
    number = _number(answer)
    return number is None, number or 0.0, answer
