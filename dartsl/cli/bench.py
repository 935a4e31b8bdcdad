"""`dartsl bench`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dartsl.cli.options import (
    command,
    network_options,
    parse_assignments,
    plugin_option,
    read_spec,
    spec_argument,
)
from dartsl.cli.output import answer, note

if TYPE_CHECKING:
    from dartsl.searching.bench import Row

CASES = ("forward_backward", "first", "second", "exact")


@command("bench")
@spec_argument
@network_options
@click.option(
    "--batch",
    type=click.IntRange(min=2),
    default=4,
    show_default=True,
    help="Images per step, from each half, or rows of text.",
)
@click.option(
    "--repeats", type=click.IntRange(min=1), default=3, show_default=True, help="Rounds per median."
)
@click.option(
    "--case",
    "cases",
    multiple=True,
    type=click.Choice(CASES),
    help="Measure only this case; may be repeated.",
)
@plugin_option
def bench_command(
    spec: str,
    network: str | None,
    assignments: tuple[str, ...],
    batch: int,
    repeats: int,
    cases: tuple[str, ...],
    plugins: tuple[Path, ...],
) -> None:
    """Benchmark the optimising passes on a SPEC's network.

    Times a forward and backward pass, and a search step of first, second and exact order, on the CPU: at -O0, at
    -O2, and at -O2 with --memory low. First order at -O0 computes all gradients, as the code of DARTS does.

    \b
    Examples:
      dartsl bench digits
      dartsl bench darts_cnn --batch 16 --repeats 5 --format json
    """
    from dartsl.api import bench

    rows = bench(
        read_spec(spec),
        network=network,
        parameters=parse_assignments(assignments),
        batch=batch,
        repeats=repeats,
        cases=cases or CASES,
        plugins=plugins,
        say=note,
    )
    answer({"rows": [asdict(row) for row in rows]}, as_text(rows))


def as_text(rows: list[Row]) -> str:
    """A table; ratios are to -O0 in the same case: times faster, part of memory and of ops."""
    from dartsl.api.describing import readable_bytes

    lines = [
        f"{'case':<16}  {'level':<5}  {'median':>9}  {'faster':>6}  {'peak':>10}  {'part':>5}  {'ops':>7}  {'part':>5}"
    ]
    for row in rows:
        plain = next(other for other in rows if other.case == row.case and other.level == "O0")
        peak, part = "-", "-"
        if row.peak_bytes is not None and plain.peak_bytes:
            peak, part = readable_bytes(row.peak_bytes), f"{row.peak_bytes / plain.peak_bytes:.2f}"
        lines.append(
            f"{row.case:<16}  {row.level:<5}  {row.median_s * 1000:>6.0f} ms"
            f"  {row.faster:>5.2f}x  {peak:>10}  {part:>5}"
            f"  {row.ops:>7,}  {row.ops / plain.ops:>5.2f}"
        )
    return "\n".join(lines)
