"""A table in place of trainings: what of it a sweep takes, as `sweep.json` has it."""

from __future__ import annotations

from dataclasses import dataclass

from dartsl.run.schema import Check, like, many, maybe, one_of, record, text

TABLE = "table.csv"  # the copy in the sweep's folder
BY_TABLE = "table:"  # how `select` begins where it names a column
COLUMN = "column"  # the only setting of what stands for a recipe


@dataclass(frozen=True)
class TableUse:
    """Somebody's table, whose figures stand in place of trainings.

    source         what the user called it; the sweep has a copy
    sha256         of that copy
    form           how architectures are written: `nasbench201` or `genotype`
    architectures  the column of the architectures
    columns        those whose figures are compared
    selection      the one by which is selected; None where the search's own validation loss is taken
    percent        the columns whose accuracies are in percent; the others' are parts of one
    lower          the figures are errors or losses, and taken as they are
    isomorphic     the names of nodes do not count
    """

    source: str
    sha256: str
    form: str
    architectures: str
    columns: tuple[str, ...]
    selection: str | None
    percent: tuple[str, ...]
    lower: bool
    isomorphic: bool

    @property
    def read(self) -> tuple[str, ...]:
        """All columns of figures that are read."""
        return self.columns if self.selection is None else (*self.columns, self.selection)

    def figure(self, column: str, value: float) -> float:
        """What is compared, lower is better: of an accuracy the error as a part of one."""
        if self.lower:
            return value
        whole = 100 if column in self.percent else 1
        return (whole - value) / whole


TABLE_USE: Check = record(
    {
        "source": text,
        "sha256": like("[0-9a-f]{64}"),
        "form": one_of("nasbench201", "genotype"),
        "architectures": text,
        "columns": many(text),
        "selection": maybe(text),
        "percent": many(text),
        "lower": one_of(True, False),
        "isomorphic": one_of(True, False),
    }
)
