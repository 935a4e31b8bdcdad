"""`dartsl compare`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dartsl.cli.options import command, output_option
from dartsl.cli.output import STDOUT, answer, current, deliver, note

if TYPE_CHECKING:
    from dartsl.sweeping.comparing import ComparedCells, Difference, RunComparison

MOST = 40  # characters of a value in the table


@command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Choice(["svg", "png", "pdf"]),
    help="Format of the picture, if no file name determines it. [svg]",
)
@output_option("A picture of the curves of all runs, at most seven: .svg, .png or .pdf.")
def compare_command(runs: tuple[Path, ...], to: str | None, output: Path | None) -> None:
    """Compare runs: the settings that differ, what each has reached, and how the found cells differ.

    Searches are compared with searches, and trainings with trainings. Runs may be at work: each is compared after its
    last epoch. Cells are compared with those of the first run.

    \b
    Examples:
      dartsl compare runs/a runs/b
      dartsl compare runs/a runs/b runs/c -o compare.svg
      dartsl compare runs/a runs/b --to png -o - > compare.png
    """
    from dartsl.api.comparing import compare, comparison_picture

    if output == STDOUT or (output is not None and to is not None):
        picture = comparison_picture(compare(*runs), to or "svg")
        deliver(picture.decode() if to in (None, "svg") else picture, output)
        return
    found = compare(*runs, output=output)
    answer(_record(found), "\n".join(_lines(found)))
    if output is not None:
        current().result["written"] = [str(output)]
        note(f"wrote {output}")


def _record(found: RunComparison) -> dict[str, Any]:
    """As JSON, without the curves, which `history.jsonl` has."""
    return {name: value for name, value in asdict(found).items() if name != "panels"}


def _lines(found: RunComparison) -> list[str]:
    numbers = [str(place) for place in range(1, len(found.runs) + 1)]
    lines = []
    for number, run in zip(numbers, found.runs, strict=True):
        state = "finished" if run.finished else "not finished"
        lines.append(
            f"{number}  {run.path}  {Path(run.source).name}, {run.network}, epoch {run.epoch} of {run.epochs}, {state}"
        )
    differing = [[_name(each), *map(_shown, each.values)] for each in found.differences]
    lines += (
        ["", *_table("what differs", numbers, differing)] if differing else ["", "the settings are the same"]
    )
    figures = [[each.name, *map(_number, each.values)] for each in found.figures]
    lines += ["", *_table("after the last epoch", numbers, figures)] if figures else []
    for cells in found.cells:
        lines += ["", *_cells(cells)]
    return lines


def _table(title: str, numbers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    whole = [[title, *numbers], *([f"  {row[0]}", *row[1:]] for row in rows)]
    widths = [max(len(row[place]) for row in whole) for place in range(len(numbers) + 1)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in whole
    ]


def _name(difference: Difference) -> str:
    return (
        difference.name if difference.what in ("run", "setting") else f"{difference.what} {difference.name}"
    )


def _shown(value: Any) -> str:
    """A value of run.json, in short."""
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= MOST else text[: MOST - 1] + "…"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.5g}"


def _cells(cells: ComparedCells) -> list[str]:
    if cells.diff is None:
        return [f"cells of run {cells.run}: not compared, {cells.reason}"]
    lines = [f"cells of run {cells.run} against run 1"]
    for cell in cells.diff.cells:
        lines.append(f"  cell {cell.name}" + (": the same" if cell.equal else ""))
        lines += [*_signed("-", cell.removed, "red"), *_signed("+", cell.added, "green")]
    lines += [f"  cell {name}: only in run 1" for name in cells.diff.only_first]
    return lines + [f"  cell {name}: only in run {cells.run}" for name in cells.diff.only_second]


def _signed(sign: str, texts: Iterable[str], colour: str) -> list[str]:
    return [click.style(f"    {sign} {text}", fg=colour) for text in texts]
