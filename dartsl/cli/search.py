"""`dartsl search` and `dartsl derive`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from dartsl.cli.options import (
    Target,
    complete_spec,
    network_options,
    output_option,
    plugin_option,
    read_source,
    require_resumable,
    target,
)
from dartsl.cli.output import deliver, say_diagnostics
from dartsl.cli.settings import setting_options
from dartsl.lang.diagnostics import UserError
from dartsl.lang.settings import SearchConfig, search_config
from dartsl.lang.source import Source
from dartsl.run.torchrun import require_one_process

INTERRUPTED = 130


@click.command("search")
@click.argument("spec", metavar="SPEC", required=False, shell_complete=complete_spec)
@click.option(
    "--resume",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="RUN",
    help="Go on with the run in this folder, in place of a SPEC.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FOLDER", help="The run's folder. [runs/ and its name]"
)
@click.option(
    "--check-gradients",
    is_flag=True,
    help="Compare first, second and exact order on the first batch, and search nothing.",
)
@network_options
@plugin_option
@setting_options(SearchConfig)
@click.pass_context
def search_command(
    ctx: click.Context,
    /,
    spec: str | None,
    resume: Path | None,
    out: Path | None,
    check_gradients: bool,
    network: str | None,
    assignments: tuple[str, ...],
    plugins: tuple[Path, ...],
    **settings: Any,
) -> None:
    """Search a SPEC's network for its best cells.

    An option goes before the spec's `search {}`, and that before the defaults in brackets. Ctrl-C finishes
    the step and saves; --resume goes on from there. Started by torchrun, the processes share each batch, with the
    numbers of one process; batch norm is taken over the whole batch.

    \b
    Examples:
      dartsl search digits
      dartsl search mine.darts --epochs 20 --order 2 --set C=8 --out runs/first
      dartsl search --resume runs/first
      torchrun --nproc-per-node 4 -m dartsl search mine.darts --device cuda
      dartsl search mine.darts --check-gradients --batch 16
    """
    given = {name: value for name, value in settings.items() if value is not None}
    if resume is not None:
        require_resumable(ctx, given, spec, out, check_gradients, network, assignments)
        from dartsl.run.resuming import Anew
        from dartsl.search.loop import resume as go_on

        result = go_on(resume, Anew(given.get("device"), plugins))
    else:
        if spec is None:
            raise click.UsageError("Missing argument 'SPEC'.", ctx)
        if check_gradients:
            _compare(ctx, spec, out, network, assignments, plugins, given)
            return
        result = _start(spec, out, network, assignments, plugins, given)
    ctx.exit(0 if result.finished else INTERRUPTED)


def _read(
    name: str, network: str | None, assignments: tuple[str, ...], given: dict[str, Any]
) -> tuple[Source, SearchConfig, Target]:
    from dartsl.lang.check import check

    source = read_source(name)
    spec = check(source)
    if spec.warnings:
        say_diagnostics(spec.warnings)
    chosen = target(spec, network, assignments)
    config = search_config(chosen.network.is_text, spec.search, given)
    from dartsl.data.named import locate

    locate(config.data, text=chosen.network.is_text)  # before torch is imported and anything is built
    return source, config, chosen


def _compare(
    ctx: click.Context,
    name: str,
    out: Path | None,
    network: str | None,
    assignments: tuple[str, ...],
    plugins: tuple[Path, ...],
    given: dict[str, Any],
) -> None:
    if out is not None or "order" in given:
        raise click.UsageError("--check-gradients compares all orders and leaves no run folder.", ctx)
    require_one_process("dartsl search --check-gradients")
    source, config, chosen = _read(name, network, assignments, given)
    from dartsl.search.check_gradients import check_gradients

    compared = check_gradients(source, config, network=network, parameters=chosen.parameters, plugins=plugins)
    click.echo(compared.text())


def _start(
    name: str,
    out: Path | None,
    network: str | None,
    assignments: tuple[str, ...],
    plugins: tuple[Path, ...],
    given: dict[str, Any],
) -> Any:
    from dartsl.run.folder import command_line

    source, config, chosen = _read(name, network, assignments, given)
    from dartsl.search import loop

    return loop.search(
        source,
        config,
        network=network,
        parameters=chosen.parameters,
        out=out,
        plugins=plugins,
        command=command_line(["dartsl", *sys.argv[1:]]),
    )


@click.command("derive")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--epoch", type=click.IntRange(min=1), help="As of this epoch; the last one by default.")
@output_option("Where to write the found spec. Without it the text goes to stdout.")
def derive_command(run: Path, epoch: int | None, output: Path | None) -> None:
    """Write the cells that a run's alphas stand for.

    \b
    Examples:
      dartsl derive runs/digits
      dartsl derive runs/digits --epoch 3 -o early.darts
    """
    from dartsl.search.derive import rederive

    if not run.is_dir():
        raise UserError(f"there is no run folder {run}", exit_code=2)
    deliver(rederive(run, epoch), output)
