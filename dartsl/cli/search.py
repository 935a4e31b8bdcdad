"""`dartsl search` and `dartsl derive`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from dartsl.cli.options import (
    command,
    complete_spec,
    folder_option,
    network_options,
    output_option,
    parse_assignments,
    plugin_option,
    quiet_option,
    require_resumable,
    resume_option,
    run_argument,
)
from dartsl.cli.output import INTERRUPTED, answer, console, deliver, note, outcome_of, say_diagnostics
from dartsl.cli.settings import SettingsCommand, setting_options
from dartsl.lang.settings.values import SearchConfig
from dartsl.run.commands import command_line
from dartsl.run.torchrun import require_one_process


@command("search", SettingsCommand)
@click.argument("spec", metavar="SPEC", required=False, shell_complete=complete_spec)
@resume_option
@folder_option
@click.option(
    "--check-gradients",
    is_flag=True,
    help="Compare the alpha gradients of first, second and exact order on the first batch; do not search.",
)
@click.option(
    "--init",
    type=click.Path(exists=True, path_type=Path),
    metavar="RUN",
    help="Start from the weights of another search of the same network, matched by name; alphas start fresh.",
)
@click.option("--init-alphas", is_flag=True, help="Start from the alphas of that search, too.")
@network_options
@plugin_option
@quiet_option
@setting_options(SearchConfig)
@click.pass_context
def search_command(
    ctx: click.Context,
    /,
    spec: str | None,
    resume: Path | None,
    out: Path | None,
    check_gradients: bool,
    init: Path | None,
    init_alphas: bool,
    network: str | None,
    assignments: tuple[str, ...],
    plugins: tuple[Path, ...],
    quiet: bool,
    **settings: Any,
) -> None:
    """Search a SPEC's network for its best cells.

    Options override the `search {}` of the spec, which overrides the defaults in brackets. Ctrl-C finishes the
    step and saves; --resume continues from there, and --epochs with it changes the last epoch. Under torchrun,
    the processes share each batch and compute what one process would; batch norm is taken over the whole batch.

    \b
    Examples:
      dartsl search digits
      dartsl search mine.darts --epochs 20 --order 2 --set C=8 --out runs/first
      dartsl search mine.darts --init runs/first --method drnas --out runs/second
      dartsl search --resume runs/first
      dartsl search --resume runs/first --epochs 40
      torchrun --nproc-per-node 4 -m dartsl search mine.darts --device cuda
      dartsl search mine.darts --check-gradients --batch 16
    """
    from dartsl.api import searching

    given: Any = {name: value for name, value in settings.items() if value is not None}
    if resume is not None:
        require_resumable(ctx, given, spec, out, check_gradients, init, init_alphas, network, assignments)
        given |= {"plugins": plugins, "console": console(quiet)}
        result, _ = outcome_of(lambda: searching.resume_search(resume, **given))
    else:
        if spec is None:
            raise click.UsageError("Missing argument 'SPEC'.", ctx)
        if init_alphas and init is None:
            raise click.UsageError("--init-alphas takes the alphas of a search: give it by --init.", ctx)
        if check_gradients:
            _require_comparable(ctx, out is not None or "order" in given, init is not None, quiet)
        checked = searching.spec_to_search(spec)
        say_diagnostics(checked.warnings, quiet)
        given |= {"network": network, "parameters": parse_assignments(assignments), "plugins": plugins}
        if check_gradients:
            compared = searching.check_gradients(checked, **given)
            answer(asdict(compared), compared.text())
            return
        given |= {"command": command_line("dartsl", *sys.argv[1:]), "console": console(quiet)}
        given |= {"init": init, "init_alphas": init_alphas}
        result, _ = outcome_of(lambda: searching.search(checked, out, **given))
    whole = {"run": str(result.path), "finished": result.finished, "init": result.init, "found": result.found}
    answer(whole, "")
    ctx.exit(0 if result.finished else INTERRUPTED)


def _require_comparable(ctx: click.Context, searches: bool, warm: bool, quiet: bool) -> None:
    """Raises UsageError for options that do not go with --check-gradients."""
    if searches:
        raise click.UsageError("--check-gradients compares all orders and leaves no run folder.", ctx)
    if warm:
        raise click.UsageError("--check-gradients is at fresh weights: give no --init with it.", ctx)
    if quiet:
        raise click.UsageError("--check-gradients prints what it finds: give no --quiet with it.", ctx)
    require_one_process("dartsl search --check-gradients")


@command("derive")
@run_argument
@click.option(
    "--epoch", type=click.IntRange(min=1), help="Derive the cells after this epoch; by default the last."
)
@click.option(
    "--derive", "rule", type=click.Choice(["connected", "argmax", "threshold", "perturbation", "sampled"]),
    help="The likeliest cells whose output depends on the input, the strongest operations even where it does not, or "
    "of these those that weigh enough. [the run's]",
)  # fmt: skip
@output_option("Where to write the found spec. Without it the text goes to stdout.")
def derive_command(run: Path, epoch: int | None, rule: str | None, output: Path | None) -> None:
    """Write the cells derived from a run's alphas.

    \b
    Examples:
      dartsl derive runs/digits
      dartsl derive runs/digits --epoch 3 -o early.darts
      dartsl derive runs/nasbench201 --derive argmax
    """
    from dartsl.api.searching import derivation, derive
    from dartsl.searching.report import first_words

    text = derive(run, epoch, rule)
    for line in first_words(text, derivation(run, epoch, rule)):
        note(line)
    deliver(text, output)
