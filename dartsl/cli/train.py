"""`dartsl train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dartsl.cli.options import (
    command,
    complete_spec,
    folder_option,
    network_options,
    parse_assignments,
    plugin_option,
    quiet_option,
    require_resumable,
    resume_option,
)
from dartsl.cli.output import INTERRUPTED, answer, console, outcome_of, say_diagnostics
from dartsl.cli.settings import SettingsCommand, setting_options
from dartsl.lang.settings.values import TrainConfig
from dartsl.run.commands import command_line

if TYPE_CHECKING:
    from dartsl.api import Run


@command("train", SettingsCommand)
@click.argument("spec", metavar="SPEC|RUN", required=False, shell_complete=complete_spec)
@resume_option
@folder_option
@click.option(
    "--seeds", type=click.IntRange(min=2), metavar="N",
    help="Train with the seeds 0 to N - 1, each in its own folder, and report mean and standard deviation.",
)  # fmt: skip
@click.option(
    "--init", type=click.Path(exists=True, path_type=Path), metavar="RUN|FILE.safetensors",
    help="Start from the weights of a training or a file, matched by name; a head of another size starts fresh.",
)  # fmt: skip
@network_options
@plugin_option
@quiet_option
@setting_options(TrainConfig)
@click.pass_context
def train_command(
    ctx: click.Context,
    /,
    spec: str | None,
    resume: Path | None,
    out: Path | None,
    seeds: int | None,
    init: Path | None,
    network: str | None,
    assignments: tuple[str, ...],
    plugins: tuple[Path, ...],
    quiet: bool,
    **settings: Any,
) -> None:
    """Train a decided SPEC, or what a search found.

    Training starts from fresh weights, or with --init from those of another training (fine-tuning). Options
    override the `train {}` of the spec, which overrides the defaults in brackets; a RUN is trained on the data of
    its search. Test data are evaluated once, at the end. The last training images are held out for validation,
    unless --final is given; a text has a validation part of its own. Ctrl-C finishes the step and saves; --resume
    continues from there, and --epochs with it changes the last epoch. Under torchrun, the processes share each
    batch and compute what one process would; batch norm is taken over the whole batch.

    \b
    Examples:
      dartsl train runs/digits
      dartsl train zoo/darts_v2 --data cifar-10-batches-py --final --device cuda
      dartsl train found.darts --epochs 20 --seeds 5 --out runs/five
      dartsl train zoo/rnn_v2 --data penn-treebank --device cuda
      dartsl train runs/digits --init runs/digits-trained --data other.npz --lr 1e-3
      dartsl train --resume runs/five --epochs 40
      torchrun --nproc-per-node 4 -m dartsl train runs/digits --device cuda
    """
    from dartsl.api import training
    from dartsl.api.jobs import trainable
    from dartsl.api.specs import names_seeds

    given: Any = {name: value for name, value in settings.items() if value is not None}
    if resume is not None:
        require_resumable(ctx, given, spec, out, seeds, init, network, assignments)
        given |= {"plugins": plugins, "console": console(quiet)}
        results, stopped = outcome_of(lambda: training.resume_training(resume, **given))
    else:
        if spec is None:
            raise click.UsageError("Missing argument 'SPEC|RUN'.", ctx)
        if seeds is not None and "seed" in given:
            raise click.UsageError("--seeds trains the seeds 0, 1, ...: give no --seed with it.", ctx)
        found = trainable(spec)
        say_diagnostics(found.spec.warnings, quiet)
        given |= {"network": network, "parameters": parse_assignments(assignments), "plugins": plugins}
        given |= {"command": command_line("dartsl", *sys.argv[1:]), "console": console(quiet), "init": init}
        if seeds is None:
            result, stopped = outcome_of(lambda: training.train(found, out, **given))
            results = [result]
        else:
            results, stopped = outcome_of(lambda: training.train_seeds(found, seeds, out, **given))
    several = names_seeds(results[0].path.parent)  # Ctrl-C leaves some, also where it finds one finished
    finished = results[-1].finished and not (stopped and several)
    answer({"finished": finished, "runs": [_as_json(result) for result in results]}, "")
    ctx.exit(0 if finished else INTERRUPTED)


def _as_json(result: Run) -> dict[str, Any]:
    return {
        "run": str(result.path),
        "finished": result.finished,
        "init": result.init,
        "parameters": result.parameters,
        "auxiliary_parameters": result.auxiliary_parameters,
        "test": None if result.result is None else result.result["test"],
    }
