"""`dartsl compile`."""

from __future__ import annotations

from pathlib import Path

import click

from dartsl.cli.options import (
    command,
    level_option,
    network_options,
    output_option,
    plugin_option,
    read_target,
    spec_argument,
)
from dartsl.cli.output import deliver
from dartsl.lang.diagnostics import UserError


@command("compile")
@spec_argument
@click.option(
    "--emit",
    type=click.Choice(["python", "graph", "dot", "passes"]),
    default="python",
    show_default=True,
    help="The network as Python text; its operation graph, one application per line; that graph as DOT; what each "
    "optimising pass did.",
)
@level_option
@click.option("--after", "until", metavar="PASS", help="Stop after this pass; --emit passes names them.")
@click.option(
    "--target", "device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True,
    help="The kind of device that passes choose for.",
)  # fmt: skip
@network_options
@plugin_option
@output_option("Where to write it. Without it the text goes to stdout.")
def compile_command(
    spec: str,
    emit: str,
    level: int,
    until: str | None,
    device: str,
    network: str | None,
    assignments: tuple[str, ...],
    plugins: tuple[Path, ...],
    output: Path | None,
) -> None:
    """Turn a network into code that a person can read and run.

    Every level computes the same, from parameters of the same names.

    \b
    Examples:
      dartsl compile zoo/darts_v2 --set C=8 --set n=1
      dartsl compile nasbench201 -O0 --emit graph
      dartsl compile darts_cnn --emit passes
    """
    from dartsl.graph.passes import passes_of
    from dartsl.graph.target import TARGETS
    from dartsl.lang.plan import plan

    try:
        passes_of(level, until)
    except ValueError as fault:
        raise UserError(str(fault), exit_code=2) from None
    chosen = read_target(spec, network, assignments)
    planned = plan(chosen.spec, chosen.network, chosen.parameters)
    target = TARGETS[device]
    if emit == "python":
        from dartsl.nn.emit import emit_python
        from dartsl.nn.supernet import from_plan
        from dartsl.run.beside import plugins_beside

        # Shapes and names are all that the text needs, so no numbers are drawn.
        model = from_plan(
            chosen.spec,
            planned,
            level=level,
            until=until,
            target=target,
            device="meta",
            plugins=plugins or plugins_beside(chosen.spec.root.source),
        )
        deliver(emit_python(model.network), output)
        return
    from dartsl.graph.build import build
    from dartsl.graph.listing import listing, operations_dot, passes_listing
    from dartsl.graph.passes import optimise

    built = build(planned)
    optimised = optimise(built, level, target, until=until)
    if emit == "passes":
        text = passes_listing(built, optimised, level, target)
    else:
        text = listing(optimised.graph) if emit == "graph" else operations_dot(optimised.graph)
    deliver(text, output)
