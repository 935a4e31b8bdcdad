"""`dartsl sample`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dartsl.cli.options import command, network_options, parse_assignments, spec_argument
from dartsl.cli.output import written


@command("sample")
@spec_argument
@click.option("--count", type=click.IntRange(min=1), default=1, show_default=True, help="How many to draw.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all draws.")
@click.option("--unique", is_flag=True, help="Draw no two that are equal but for the names of their nodes.")
@network_options
@click.option(
    "-o", "--out", "--output", "out", type=click.Path(path_type=Path), metavar="FOLDER", required=True,
    help="Where 0.darts, 1.darts, ... go: a folder that is new or empty.",
)  # fmt: skip
def sample_command(
    spec: str,
    count: int,
    seed: int,
    unique: bool,
    network: str | None,
    assignments: tuple[str, ...],
    out: Path,
) -> None:
    """Draw random architectures of a SPEC's search space.

    Each is a decided spec, as a search writes what it finds, and as likely as any other of those that `dartsl info`
    counts. Number i of a seed is the same however many are drawn. A run stands for the space that was searched.

    \b
    Examples:
      dartsl sample digits --count 10 -o random
      dartsl train random/0.darts
      dartsl sample nasbench201 --count 100 --seed 7 --unique -o cells
    """
    from dartsl.api.sampling import sample
    from dartsl.run.commands import command_line
    from dartsl.run.files import write_folder

    texts = sample(
        spec,
        network,
        parse_assignments(assignments),
        seed=seed,
        count=count,
        unique=unique,
        command=command_line("dartsl", *sys.argv[1:]),
    )
    files = {f"{number}.darts": text for number, text in enumerate(texts)}
    write_folder(out, files)
    written([out / name for name in files], "" if count == 1 else f" and {count - 1} more")
