"""A .csv file with a header: vectors of its numeric columns, and of its categorical ones, a feature for each category.

A column is numeric where all of its values are numbers, and categorical where most are not. Nothing is guessed: a
missing value, or a word among numbers, is refused with its row and its column.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dartsl.data.images import FORMS, Array, Column, ImageData, assemble
from dartsl.data.readers.parts import parted
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.suggestions import close

BYTES, COLUMNS, CATEGORIES = 1 << 28, 10_000, 100  # the most that are read
SHOWN = 40  # characters of a value, in a message
MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none", "missing"})  # in lower case

Rows = Sequence[Sequence[str]]


def read(path: Path, target: str) -> ImageData:
    """The vectors of a table, whose column `target` has the classes, by the order of their names.

    A fifth of each class, by a fixed seed, is the test part. Raises UserError.
    """
    names, rows = read_rows(path)
    if target not in names:
        near = close(target, names) if target else None
        raise UserError(
            f"{path}: which column is to be predicted?"
            if not target
            else f"{path}: has no column `{target}`",
            (f"did you mean `{near}`? " if near else "")
            + f"--target-column names one of its columns: {', '.join(names[:20])}",
        )
    if len(names) == 1:
        raise UserError(
            f"{path}: no column but `{target}`, which is to be predicted", "add columns to predict it from"
        )
    place = names.index(target)
    answers = [_present(path, row[place], number, target) for number, row in enumerate(rows, start=2)]
    classes = sorted(set(answers), key=_order)
    if len(classes) > len(rows) // 2:
        raise UserError(
            f"{path}: the column `{target}` has {len(classes):,} classes in {len(rows):,} rows",
            "a column of classes repeats them; is it the right one?",
        )
    columns = [_column(path, names[c], [row[c] for row in rows]) for c in range(len(names)) if c != place]
    values = encoded(path, names, rows, columns)
    numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([numbers[answer] for answer in answers])
    train, test = parted(labels)
    parts = [(values[places], labels[places]) for places in (train, test)]
    return assemble(path.name, parts[0], parts[1], names=classes, form=FORMS[1], columns=columns)


def read_rows(path: Path) -> tuple[list[str], Rows]:
    """The names of the columns, and the rows, all as long. Raises UserError."""
    size = path.stat().st_size
    if size > BYTES:
        raise UserError(
            f"{path}: {size:,} bytes, and tables are read up to {BYTES:,}", "store it as an .npz file"
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file, strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path}: not a readable .csv file ({error})", "store it as UTF-8, with commas"
        ) from None
    if len(rows) < 2:
        raise UserError(
            f"{path}: {'no row' if rows else 'nothing'} below the header", "is the file complete?"
        )
    names = [name.strip() for name in rows[0]]
    if len(names) > COLUMNS:
        raise UserError(f"{path}: {len(names):,} columns, and at most {COLUMNS:,} are read")
    if all(_number(name) is not None for name in names) or "" in names:
        raise UserError(f"{path}: its first row names no columns", "write their names in the first row")
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise UserError(f"{path}: has the column `{twice[0]}` twice", "give each column a name of its own")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(names):
            raise UserError(
                f"{path}: row {number} has {len(row)} values, and there are {len(names)} columns",
                "is a comma missing, or a value with a comma in it without quotes?",
            )
    return names, rows[1:]


def encoded(path: Path, names: Sequence[str], rows: Rows, columns: Sequence[Column]) -> Array:
    """The rows as vectors float32 (N, F), by columns that are known. Raises UserError for what they have not."""
    parts: list[Array] = []
    for name, categories in columns:
        if name not in names:
            raise UserError(f"{path}: has no column `{name}`, which the network was trained on")
        place = names.index(name)
        values = [_present(path, row[place], number, name) for number, row in enumerate(rows, start=2)]
        if not categories:
            numbers = [_numeric(path, value, number, name) for number, value in enumerate(values, start=2)]
            parts.append(np.array(numbers, dtype=np.float32)[:, None])
            continue
        for number, value in enumerate(values, start=2):
            if value not in categories:
                raise UserError(
                    f"{path}: row {number}, column `{name}`: `{value}` is none of its categories",
                    f"the network knows {', '.join(categories[:20])}",
                )
        parts.append(np.array([[value == each for each in categories] for value in values], dtype=np.float32))
    return np.concatenate(parts, axis=1)


def _column(path: Path, name: str, values: Sequence[str]) -> Column:
    """A column, and its categories; none where it is numeric. Raises UserError."""
    present = [_present(path, value, number, name) for number, value in enumerate(values, start=2)]
    numeric = sum(_number(value) is not None for value in present)
    if 2 * numeric > len(present):
        for number, value in enumerate(present, start=2):
            _numeric(path, value, number, name)
        return name, ()
    categories = sorted(set(present))
    if len(categories) > CATEGORIES:
        raise UserError(
            f"{path}: the column `{name}` has {len(categories):,} different words, and at most {CATEGORIES} are read",
            "leave it out of the file, or store it as numbers",
        )
    return name, tuple(categories)


def _present(path: Path, value: str, row: int, column: str) -> str:
    found = value.strip()
    if found.lower() in MISSING:
        raise UserError(
            f"{path}: row {row}, column `{column}`: a value is missing",
            "fill it in, or leave its row or its column out",
        )
    return found


def _numeric(path: Path, value: str, row: int, column: str) -> float:
    number = _number(value)
    if number is None:
        raise UserError(
            f"{path}: row {row}, column `{column}`: `{value}` is no number, and most of the column are",
            "write a number, or words in the whole column",
        )
    with np.errstate(over="ignore"):
        if not math.isfinite(np.float32(number)):
            shown = value if len(value) <= SHOWN else f"{value[:SHOWN]}..."
            raise UserError(f"{path}: row {row}, column `{column}`: `{shown}` is beyond all float32 numbers")
    return number


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _order(answer: str) -> tuple[bool, float, str]:
    """Numbers before words, each in their own order."""
    number = _number(answer)
    return number is None, number or 0.0, answer
