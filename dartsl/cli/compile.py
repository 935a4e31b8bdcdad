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
    plugin_option,
    read_target,
    spec_argument,
)
from dartsl.cli.output import deliver
from dartsl.lang.diagnostics import UserError

if TYPE_CHECKING:
    from dartsl.graph.passes import Pass
    from dartsl.graph.target import Target


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
    "--passes",
    "text",
    metavar="TEXT",
    help='These passes in place of a level\'s: "cse,fold,stack(limit=32768)".',
)
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
    text: str | None,
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
      dartsl compile darts_cnn --emit passes --passes "dead,cse,stack(limit=4096)"
    """
    from dartsl.graph.target import TARGETS
    from dartsl.lang.plan import plan

    target = TARGETS[device]
    passes = _passes(text, level, until, target)
    chosen = read_target(spec, network, assignments)
    planned = plan(chosen.spec, chosen.network, chosen.parameters)
    if emit == "python":
        from dartsl.nn.build import Build
        from dartsl.nn.emit import emit_python
        from dartsl.nn.supernet import from_plan
        from dartsl.run.beside import plugins_beside

        # Shapes and names are all that the text needs, so no numbers are drawn.
        meta = Build(level=level, passes=passes, target=target, device="meta")
        model = from_plan(chosen.spec, planned, meta, plugins or plugins_beside(chosen.spec.root.source))
        deliver(emit_python(model.network), output)
        return
    from dartsl.graph.build import build
    from dartsl.graph.listing import listing, operations_dot, passes_listing
    from dartsl.graph.passes import apply

    built = build(planned)
    optimised = apply(built, passes)
    if emit == "passes":
        made = passes_listing(built, optimised, target, f"-O{level}" if text is None else "--passes")
    else:
        made = listing(optimised.graph) if emit == "graph" else operations_dot(optimised.graph)
    deliver(made, output)


def _passes(text: str | None, level: int, until: str | None, target: Target) -> tuple[Pass, ...]:
    """The passes that the options ask for. Raises UserError where they name none."""
    from dartsl.graph.passes import PipelineError, parse, passes_of

    if text is None:
        try:
            return passes_of(level, target, until)
        except ValueError as fault:
            raise UserError(str(fault), exit_code=2) from None
    given = click.get_current_context().get_parameter_source("level")
    if until is not None or given is not click.core.ParameterSource.DEFAULT:
        raise UserError("--passes says all: it goes with neither -O nor --after", exit_code=2)
    try:
        return parse(text)
    except PipelineError as fault:
        where = f"{text}\n{'^':>{fault.column}}"
        raise UserError(f"--passes: {fault.reason}\n{where}", fault.help, exit_code=2) from None
