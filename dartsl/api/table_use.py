"""The table that a sweep is asked to look figures up in: read whole, and judged, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dartsl.api.arguments import require
from dartsl.api.sampling import sample
from dartsl.api.settings import SweepSettings
from dartsl.exchange.tables import Table, read_table
from dartsl.lang.checker import check, pick_network
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan as plan_network
from dartsl.run.files import encoded, read_file
from dartsl.run.job import Job
from dartsl.sweeping.design import BY_SEARCH
from dartsl.sweeping.looking import WRITTEN, digest
from dartsl.sweeping.lookups import BY_TABLE, TableUse

OPTIONS = {
    "architectures": "--architecture",
    "columns": "--column",
    "lower_is_better": "--lower-is-better",
    "isomorphic": "--isomorphic",
}
OF_TRAININGS = {"train": "--train", "train_epochs": "--train-epochs", "recipes": "--recipes"}


def table_use(asked: SweepSettings) -> tuple[TableUse, str] | None:
    """What is asked for of a table, and its text; None where none is asked for. Raises UserError for what cannot be
    used."""
    given: Mapping[str, Any] = asked
    if given.get("table") is None:
        for name, option in OPTIONS.items():
            if given.get(name):
                raise UserError(f"{option} is of a table", "name one by --table", exit_code=2)
        return None
    _require_untrained(given)
    columns = given.get("columns") or ()
    columns = (columns,) if isinstance(columns, str) else columns
    require(table=given["table"], columns=columns, architectures=given.get("architectures"))
    path, columns = Path(given["table"]), tuple(columns)
    lower, isomorphic = bool(given.get("lower_is_better")), bool(given.get("isomorphic"))
    selection = _selection(given.get("select"))
    asked_for = columns if selection is None or not columns else (*columns, selection)
    if len(set(asked_for)) < len(asked_for):
        raise UserError(
            "a column of the table is named twice", "what is selected by is not what is compared", exit_code=2
        )
    if selection is not None and not columns:
        raise UserError("which column is compared?", "name it by --column", exit_code=2)
    table = read_table(path, given.get("architectures"), asked_for, lower, isomorphic)
    compared = columns or table.columns
    percent = () if lower else tuple(column for column in table.columns if _percent(table, column))
    text = read_file(path).decode("utf-8-sig")
    source = path.name
    use = TableUse(
        source,
        digest(encoded(text)),
        table.form,
        table.column,
        compared,
        selection,
        percent,
        lower,
        isomorphic,
    )
    return use, text


def _require_untrained(given: Mapping[str, Any]) -> None:
    """Raises UserError for what is asked of trainings."""
    for name, option in OF_TRAININGS.items():
        if given.get(name):
            raise UserError(f"{option} is of trainings, and with a table nothing is trained", exit_code=2)
    if given.get("random_at_cost"):
        raise UserError(
            "a lookup costs nothing: no number of random architectures is at equal cost",
            "leave --random-at-cost out, and give --random as many as you like",
            exit_code=2,
        )


def _selection(select: str | None) -> str | None:
    """The column that is selected by; None: the search's own validation loss. Raises UserError."""
    if select is None or select == BY_SEARCH:
        return None
    column = select.removeprefix(BY_TABLE)
    if not select.startswith(BY_TABLE) or not column:
        raise UserError(
            f"`{select}` is no rule of selection where nothing is trained",
            "give table:COLUMN, with a column of validation figures, or search",
            exit_code=2,
        )
    return column


def _percent(table: Table, column: str) -> bool:
    """Whether a column's accuracies are in percent, and not parts of one. Raises UserError where they are neither."""
    low, high = table.bounds(column)
    if low < 0 or high > 100:
        raise UserError(
            f"{table.path}, column `{column}`: figures from {low:g} to {high:g} are no accuracies",
            "--lower-is-better takes errors and losses as they are",
        )
    return high > 1


def require_expressed(job: Job, use: TableUse) -> None:
    """Raises UserError where the architectures of a space cannot be written as a table has them."""
    (text,) = sample(job.spec, network=job.network, parameters=job.parameters)
    spec = check(Source("random.darts", text))
    WRITTEN[use.form](spec, plan_network(spec, pick_network(spec, job.network), job.parameters))
