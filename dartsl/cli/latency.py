"""`dartsl latency`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from dartsl.cli.options import (
    command,
    device_option,
    level_option,
    network_options,
    output_option,
    parse_assignments,
    plugin_option,
    read_spec,
    spec_argument,
)
from dartsl.cli.output import STDOUT, current, deliver, note

EVERY = 10  # lines of progress, where there is no terminal


@command("latency")
@spec_argument
@network_options
@device_option
@click.option(
    "--batch", type=click.IntRange(min=1), default=1, show_default=True,
    help="Images that go through a part at once; the time is that of all of them.",
)  # fmt: skip
@click.option(
    "--dtype", type=click.Choice(["float32", "float64", "bfloat16"]), default="float32", show_default=True,
    help="Floating-point type of weights and activations.",
)  # fmt: skip
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Threads of the CPU. [torch's]")
@click.option(
    "--repeats", type=click.IntRange(min=1), default=30, show_default=True, help="Calls per median."
)
@level_option
@plugin_option
@output_option("Where to write the table. Without it the table goes to stdout.")
def latency_command(
    spec: str,
    network: str | None,
    assignments: tuple[str, ...],
    device: str,
    batch: int,
    dtype: str,
    threads: int | None,
    repeats: int,
    level: int,
    plugins: tuple[Path, ...],
    output: Path | None,
) -> None:
    """Measure how long each part of a SPEC's network takes on a device.

    Writes a table, in milliseconds, for a search with the penalty `cost`: of every candidate of every edge in
    every layer, and of stem, head and what prepares the cells' inputs. Equal operations on equal shapes are
    measured once. Each runs in evaluation mode, by itself; on an idle machine the numbers are steadier. The file
    names the device.

    \b
    Examples:
      dartsl latency digits -o laptop.json
      dartsl latency darts_cnn --device cuda --batch 16 -o gpu.json
      dartsl search digits --penalty cost --cost laptop.json --target 2.5
    """
    from dartsl.api.compiling import latency
    from dartsl.run.files import require_folder

    if output is not None and output != STDOUT:
        require_folder(output)
    with _progress() as watch:
        table = latency(
            read_spec(spec),
            network=network,
            parameters=parse_assignments(assignments),
            device=device,
            batch=batch,
            dtype=dtype,
            level=level,
            threads=threads,
            repeats=repeats,
            plugins=plugins,
            watch=watch,
        )
    deliver(table.text(), output, f": {table.unit} on {table.measured['device']}")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Shows how many parts are measured, and the time left: a bar on a terminal, else some lines."""
    if current().json or not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("measuring"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        yield lambda done, parts: bar.update(task, completed=done, total=parts)


class _Lines:
    """A line on stderr after each tenth of the parts."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._said = 0

    def __call__(self, done: int, parts: int) -> None:
        from dartsl.run.progress import duration

        tenth = done * EVERY // parts
        if tenth > self._said:
            self._said = tenth
            left = (self._clock() - self._started) / done * (parts - done)
            note(f"measured {done} of {parts} parts, left {duration(left)}")
