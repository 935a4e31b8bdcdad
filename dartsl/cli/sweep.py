"""`dartsl sweep`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from dartsl.cli.options import (
    command,
    complete_spec,
    folder_option,
    network_options,
    parse_assignments,
    plugin_option,
    quiet_option,
)
from dartsl.cli.output import FAULT, INTERRUPTED, answer, console, note, outcome_of
from dartsl.lang.codes.diagnostics import UserError
from dartsl.run.commands import command_line

ANEW = {"resume", "jobs", "on", "job", "print_commands", "plugins", "quiet"}  # that may stand beside --resume


@command("sweep")
@click.argument("spec", metavar="SPEC", required=False, shell_complete=complete_spec)
@click.option("--seeds", type=click.IntRange(min=1), metavar="N", help="Searches of each arm. [3]")
@click.option("--first-seed", type=click.IntRange(min=0), metavar="N", help="The first of these seeds. [0]")
@click.option(
    "--method", "methods", multiple=True, metavar="NAME",
    help="A method of search that is compared; may be repeated. [the spec's]",
)  # fmt: skip
@click.option(
    "--vary", multiple=True, metavar="NAME=V1,V2",
    help="A setting of the search with several values: each makes an arm of its own; may be repeated.",
)  # fmt: skip
@click.option(
    "--random", type=click.IntRange(min=0), metavar="N",
    help="Random architectures that are treated as found ones are. [as many as seeds]",
)  # fmt: skip
@click.option(
    "--random-at-cost", type=click.IntRange(min=0), metavar="N",
    help="More of them at most, for what the costliest arm takes: all are trained shortly, the best one is trained. "
    "[4 x random; none with --select search]",
)  # fmt: skip
@click.option(
    "--select", metavar="short:EPOCHS|search|table:COLUMN",
    help="Select by the validation loss of a training of so many epochs, by the search's, or by a column of the table. "
    "[a fifth of a training; search with --table]",
)  # fmt: skip
@click.option(
    "--recipes", multiple=True, metavar='"NAME=V1,V2 ..."',
    help="Settings of the training with several values: each architecture is trained by every choice of them.",
)  # fmt: skip
@click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="Epochs of each search. [the spec's]")
@click.option(
    "--train-epochs", type=click.IntRange(min=1), metavar="N", help="Epochs of each training. [the spec's]"
)
@click.option("--data", metavar="TEXT", help="Data set of all jobs. [the spec's]")
@click.option("--device", metavar="TEXT", help="Torch device of all jobs. [a GPU if there is one, else cpu]")
@click.option(
    "--table", type=click.Path(path_type=Path), metavar="FILE",
    help="Look figures up in this CSV file, as `dartsl lookup` does, and train nothing.",
)  # fmt: skip
@click.option(
    "--architecture", "architectures", metavar="COLUMN", help="The table's column of architectures."
)
@click.option(
    "--column", "columns", multiple=True, metavar="COLUMN",
    help="A column of the table that is compared; may be repeated.",
)  # fmt: skip
@click.option(
    "--lower-is-better", is_flag=True, help="The table's figures are errors or losses, not accuracies."
)
@click.option("--isomorphic", is_flag=True, help="Let the names of nodes not count where the table is read.")
@click.option(
    "--search", multiple=True, metavar="NAME=VALUE", help="A setting of all searches; may be repeated."
)
@click.option(
    "--train", multiple=True, metavar="NAME=VALUE", help="A setting of all trainings; may be repeated."
)
@network_options
@plugin_option
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N",
    help="Jobs side by side; with --on: jobs that share a machine. [1]",
)  # fmt: skip
@click.option(
    "--on", metavar="auto|HOST:PORT",
    help="Run the jobs on this Ray cluster (dartsl[ray]); auto: the one that runs here or that RAY_ADDRESS names.",
)  # fmt: skip
@click.option(
    "--resume", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER",
    help="Go on with the sweep in this folder; takes the place of SPEC.",
)  # fmt: skip
@click.option(
    "--print-commands", is_flag=True, help="Write the plan, run nothing, and print a line for each job."
)
@click.option("--job", metavar="NAME", help="With --resume: run this job alone, as a printed line does.")
@folder_option
@quiet_option
@click.pass_context
def sweep_command(
    ctx: click.Context, /, spec: str | None, resume: Path | None, job: str | None, **given: Any
) -> None:
    """Compare searches of a SPEC with random architectures, under one protocol.

    Each method is searched with several seeds, random architectures of the same space are drawn, one of each is
    selected by validation data, and all are trained in the same way. The plan, with the command of every job, is
    written to sweep.json in the sweep's folder before anything runs. A job that fails does not stop the others.
    Ctrl-C lets the jobs save; --resume goes on, also after a kill. --on runs the jobs on a Ray cluster; for another,
    --print-commands gives a line for each job, after those that it needs, to be run in the sweep's folder.

    \b
    Examples:
      dartsl sweep digits --seeds 3 --random 3 --epochs 3 --train-epochs 5 --jobs 2
      dartsl sweep mine.darts --seeds 5 --method darts --method drnas --device cuda --jobs 4 --out sweeps/mine
      dartsl sweep mine.darts --vary warmup=0,5 --recipes "lr=0.025,0.01" --select search
      dartsl sweep nasbench201 --table nb201.csv --column test --select table:valid --random 100
      dartsl sweep --resume sweeps/mine --jobs 2
      dartsl sweep mine.darts --on auto --jobs 8 --out sweeps/mine
      dartsl sweep mine.darts --print-commands --out sweeps/mine > sweeps/mine.sh
    """
    from dartsl.api import sweeping

    asked = {
        name: value
        for name, value in given.items()
        if value is not None and value is not False and value != ()
    }
    plugins, on = given["plugins"], given["on"]
    _require_usable(ctx, on, job, resume, given)
    if resume is not None:
        if spec is not None or not asked.keys() <= ANEW:
            raise click.UsageError(
                "--resume goes on with a sweep as it was planned; only --jobs, --on, --job, --print-commands and "
                "--plugin may be given with it.",
                ctx,
            )
        folder = resume
    elif spec is None:
        raise click.UsageError("Missing argument 'SPEC'.", ctx)
    elif job is not None:
        raise click.UsageError("--job names a job of a sweep that --resume names.", ctx)
    else:
        typed = command_line("dartsl", *sys.argv[1:])
        folder = sweeping.plan_sweep(spec, command=typed, **_asked(asked))
    if job is not None:
        ctx.exit(sweeping.run_job(folder, job, plugins=plugins))
    if given["print_commands"]:
        lines = sweeping.sweep_lines(folder, plugins=plugins)
        note(f"the lines are for a shell in {folder}")
        answer({"sweep": str(folder), "commands": lines}, "\n".join(lines))
        return
    screen = console(given["quiet"])
    found, stopped = outcome_of(
        lambda: sweeping.resume_sweep(folder, jobs=given["jobs"] or 1, on=on, plugins=plugins, console=screen)
    )
    answer({"sweep": str(found.path), "finished": found.finished, "failed": list(found.failed)}, "")
    ctx.exit(INTERRUPTED if stopped else 0 if found.finished else FAULT)


def _require_usable(
    ctx: click.Context, on: str | None, job: str | None, resume: Path | None, given: dict[str, Any]
) -> None:
    """Raises UsageError for what does not go with --on."""
    if on is not None and (job is not None or given["print_commands"]):
        raise click.UsageError("--on runs all jobs; leave out --job and --print-commands.", ctx)
    if on is not None and resume is not None and given["jobs"] is not None:
        raise click.UsageError(
            "The plan has the threads of each job, and --on starts as many jobs as there is room for; leave out "
            "--jobs.",
            ctx,
        )


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    """The options as arguments of `plan_sweep`."""
    found = {name: value for name, value in given.items() if name not in ANEW - {"jobs", "on"}}
    found["parameters"] = parse_assignments(found.pop("assignments", ()))
    for name in ("search", "train"):
        found[name] = _assignments(found.get(name, ()), f"--{name}")
    found["vary"] = _lists(found.get("vary", ()), "--vary")
    words = [word for recipes in found.get("recipes", ()) for word in recipes.split()]
    found["recipes"] = _lists(words, "--recipes")
    return found


def _lists(words: Any, option: str) -> dict[str, list[str]]:
    """`lr=0.025,0.01` and the like."""
    return {
        name: [each for each in value.split(",") if each]
        for name, value in _assignments(words, option).items()
    }


def _assignments(words: Any, option: str) -> dict[str, str]:
    """`lr=0.025` and the like. Raises UserError for what is no assignment."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise UserError(
                f"`{option} {word}` is not an assignment",
                f"write, for example, {option} lr=0.01",
                exit_code=2,
            )
        found[name.strip().replace("-", "_")] = value.strip()
    return found
