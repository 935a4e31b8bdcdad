"""`dartsl lookup`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dartsl.cli.options import command, complete_spec
from dartsl.cli.output import FAULT, answer

if TYPE_CHECKING:
    from dartsl.exchange.tables import LookedUp


@command("lookup")
@click.argument("table", metavar="TABLE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("found", metavar="FOUND...", nargs=-1, required=True, shell_complete=complete_spec)
@click.option("--architecture", "architectures", metavar="COLUMN", help="The column of the architectures.")
@click.option(
    "--column", "columns", multiple=True, metavar="COLUMN", help="A column of figures; may be repeated."
)
@click.option("--lower-is-better", is_flag=True, help="The figures are errors or losses, not accuracies.")
@click.option(
    "--isomorphic", is_flag=True,
    help="Let the names of nodes not count; an edge of `none` into a sum is then no edge.",
)  # fmt: skip
@click.pass_context
def lookup_command(
    ctx: click.Context,
    table: Path,
    found: tuple[str, ...],
    architectures: str | None,
    columns: tuple[str, ...],
    lower_is_better: bool,
    isomorphic: bool,
) -> None:
    """Look up what found architectures reach in somebody's TABLE: figure, rank, and distance to the best.

    TABLE is a CSV file whose first line names its columns: one of architectures (NAS-Bench-201's strings, or genotypes)
    and others of figures. FOUND are decided specs or folders of searches. Several rows of one architecture count as
    their mean; with --isomorphic all rows of architectures that differ by the names of nodes alone do. The exit code is
    1 where one is not in the table.

    \b
    Examples:
      dartsl lookup nasbench201.csv runs/nasbench201
      dartsl lookup table.csv a.darts b.darts --architecture arch --column cifar10-valid --column cifar10
    """
    from dartsl.api.tables import lookup

    rows = lookup(
        table,
        *found,
        architectures=architectures,
        columns=columns,
        lower_is_better=lower_is_better,
        isomorphic=isomorphic,
    )
    result = {"table": str(table), "found": [asdict(row) for row in rows]}
    answer(result, "\n".join(line for row in rows for line in _lines(row)))
    ctx.exit(0 if all(row.figures for row in rows) else FAULT)


def _lines(row: LookedUp) -> list[str]:
    mean = f"  (mean of {row.rows:,} rows)" if row.rows > 1 else ""
    lines = [f"{row.found}  {row.architecture}{mean}"]
    others = [text for text in row.matching if text != row.architecture]
    lines += [f"  isomorphic: {text}" for text in others]
    width = max((len(figure.column) for figure in row.figures), default=0)
    for each in row.figures:
        lines.append(
            f"  {each.column:<{width}}  {each.value:.6g}  rank {each.rank:,} of {each.of:,}"
            f"  best {each.best:.6g}  distance {each.distance:.4g}"
        )
    return lines if row.figures else [*lines, "  not in the table"]
