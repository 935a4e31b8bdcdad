"""`dartsl compile`."""

from __future__ import annotations

from pathlib import Path

import click

from dartsl.cli.options import network_options, output_option, plugin_option, read_target, spec_argument
from dartsl.cli.output import deliver


@click.command("compile")
@spec_argument
@click.option(
    "--emit",
    type=click.Choice(["python", "graph", "dot"]),
    default="python",
    show_default=True,
    help="The network as Python text; its operation graph, one application a line; that graph as DOT.",
)
@network_options
@plugin_option
@output_option("Where to write it. Without it the text goes to stdout.")
def compile_command(
    spec: str,
    emit: str,
    network: str | None,
    assignments: tuple[str, ...],
    plugins: tuple[Path, ...],
    output: Path | None,
) -> None:
    """Turn a network into code that a person can read and run.

    \b
    Examples:
      dartsl compile zoo/darts_v2 --set C=8 --set n=1
      dartsl compile nasbench201 --emit graph
    """
    from dartsl.lang.plan import plan

    chosen = read_target(spec, network, assignments)
    planned = plan(chosen.spec, chosen.network, chosen.parameters)
    if emit == "python":
        from dartsl.nn.emit import emit_python
        from dartsl.nn.supernet import from_plan

        # Shapes and names are all that the text needs, so no numbers are drawn.
        model = from_plan(chosen.spec, planned, device="meta", plugins=plugins)
        deliver(emit_python(model.network), output)
        return
    from dartsl.graph.build import build
    from dartsl.graph.listing import listing, operations_dot

    graph = build(planned)
    deliver(listing(graph) if emit == "graph" else operations_dot(graph), output)
