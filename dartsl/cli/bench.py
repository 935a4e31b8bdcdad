"""`dartsl bench`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

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
    from dartsl.searching.bench_gpu import GpuRow

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
@click.option(
    "--device", metavar="TEXT", default="cpu", show_default=True, help="cpu, or a GPU such as cuda:0."
)
@plugin_option
def bench_command(
    spec: str,
    network: str | None,
    assignments: tuple[str, ...],
    batch: int,
    repeats: int,
    cases: tuple[str, ...],
    device: str,
    plugins: tuple[Path, ...],
) -> None:
    """Benchmark the optimising passes on a SPEC's network.

    Times a forward and backward pass, and a search step of first, second and exact order: at -O0, at -O2, and at -O2
    with --memory low. First order at -O0 computes all gradients, as the code of DARTS does. On a GPU, dartsl's own
    kernels, CUDA graphs and both (`all`; `low` uses both too) are timed as well, with the number of kernels of a step
    and the time in which any of them runs.

    \b
    Examples:
      dartsl bench digits
      dartsl bench darts_cnn --batch 16 --repeats 5 --format json
      dartsl bench darts_cnn --batch 64 --device cuda
    """
    from dartsl.api import bench

    rows = bench(
        read_spec(spec),
        network=network,
        parameters=parse_assignments(assignments),
        batch=batch,
        repeats=repeats,
        cases=cases or CASES,
        device=device,
        plugins=plugins,
        say=note,
    )
    on_gpu = bool(rows) and hasattr(rows[0], "kernels")
    text = gpu_text(cast("list[GpuRow]", rows)) if on_gpu else as_text(cast("list[Row]", rows))
    answer({"rows": [asdict(row) for row in rows]}, text)


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


def gpu_text(rows: list[GpuRow]) -> str:
    """A table; ratios are to -O0 in the same case: times faster, part of memory."""
    from dartsl.api.describing import readable_bytes

    lines = [
        f"{'case':<16}  {'level':<7}  {'median':>10}  {'faster':>6}  {'busy':>10}  {'kernels':>7}"
        f"  {'peak':>10}  {'part':>5}  {'reserved':>10}"
    ]
    for row in rows:
        plain = next(other for other in rows if other.case == row.case)
        lines.append(
            f"{row.case:<16}  {row.level:<7}  {row.median_s * 1000:>7.1f} ms  {row.faster:>5.2f}x"
            f"  {row.busy_s * 1000:>7.1f} ms  {row.kernels:>7,}  {readable_bytes(row.peak_bytes):>10}"
            f"  {row.peak_bytes / max(plain.peak_bytes, 1):>5.2f}  {readable_bytes(row.reserved_bytes):>10}"
        )
    reasons = dict.fromkeys(f"{row.case} at {row.level}: {row.no_graphs}" for row in rows if row.no_graphs)
    return "\n".join([*lines, *reasons])
