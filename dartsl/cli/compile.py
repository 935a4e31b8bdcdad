"""`dartsl compile`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dartsl.cli.options import (
    command,
    level_option,
    network_options,
    output_option,
    parse_assignments,
    plugin_option,
    read_spec,
    spec_argument,
)
from dartsl.cli.output import deliver
from dartsl.lang.codes.diagnostics import UserError

if TYPE_CHECKING:
    from dartsl.api.compiling import Form


@command("compile")
@spec_argument
@click.option(
    "--emit",
    "form",
    type=click.Choice(["python", "graph", "dot", "passes"]),
    default="python",
    show_default=True,
    help="Python code; the operation graph, one application per line; that graph as DOT; or what each "
    "optimising pass did.",
)
@level_option
@click.option("--after", "until", metavar="PASS", help="Stop after this pass; --emit passes lists them.")
@click.option(
    "--passes",
    "text",
    metavar="TEXT",
    help='Passes to run in place of the level\'s, such as "cse,fold,stack(limit=32768)".',
)
@click.option(
    "--target", "device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True,
    help="Kind of device to optimise for.",
)  # fmt: skip
@click.option(
    "--partial", type=click.IntRange(min=1), default=1, show_default=True, metavar="K",
    help="Mix one of K parts of the channels, as a search with this setting does.",
)  # fmt: skip
@network_options
@plugin_option
@output_option("Where to write it. Without it the text goes to stdout.")
def compile_command(
    spec: str,
    form: Form,
    level: int,
    until: str | None,
    text: str | None,
    device: str,
    partial: int,
    network: str | None,
    assignments: tuple[str, ...],
    plugins: tuple[Path, ...],
    output: Path | None,
) -> None:
    """Write a network as readable, runnable code.

    All levels of optimisation compute the same, with parameters of the same names.

    \b
    Examples:
      dartsl compile zoo/darts_v2 --set C=8 --set n=1
      dartsl compile nasbench201 -O0 --emit graph
      dartsl compile darts_cnn --emit passes
      dartsl compile darts_cnn --emit passes --passes "dead,cse,stack(limit=4096)"
    """
    from dartsl.api import emit

    given = click.get_current_context().get_parameter_source("level")
    if text is not None and (until is not None or given is not click.core.ParameterSource.DEFAULT):
        raise UserError("--passes says all: it goes with neither -O nor --after", exit_code=2)
    made = emit(
        read_spec(spec),
        form,
        network=network,
        parameters=parse_assignments(assignments),
        level=level,
        until=until,
        passes=text,
        target=device,
        partial=partial,
        plugins=plugins,
    )
    deliver(made, output)
