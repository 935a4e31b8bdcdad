"""`dartsl eval`."""

from __future__ import annotations

from pathlib import Path

import click

from dartsl.cli.options import format_option, plugin_option
from dartsl.cli.output import say_json
from dartsl.lang.diagnostics import UserError


@click.command("eval")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--device", metavar="TEXT", help="In place of the device that the run was trained on.")
@plugin_option
@format_option
def eval_command(run: Path, device: str | None, plugins: tuple[Path, ...], format_: str) -> None:
    """Tell the test error of a trained RUN (of text: loss and perplexity), with its 95 % confidence interval.

    The weights are those of the last checkpoint: of the last epoch where the training is over, averaged where it
    averaged them. An error's interval is Wilson's; it counts the test images as the only chance. A loss's is normal,
    from how the mean losses of the windows of the test text vary, as if they were independent; a perplexity's
    ends are exp of its ends.

    \b
    Examples:
      dartsl eval runs/digits-trained
      dartsl eval runs/digits-trained --format json
    """
    if not run.is_dir():
        raise UserError(f"there is no run folder {run}", exit_code=2)
    from dartsl.train.report import test_lines
    from dartsl.training import evaluate

    found = evaluate(run, device=device, plugins=plugins)
    if format_ == "json":
        say_json({"epochs": found.epochs, **found.test.record()})
        return
    click.echo("\n".join([*test_lines(found.test), f"weights     behind epoch {found.epochs}"]))
