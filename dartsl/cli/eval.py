"""`dartsl eval`."""

from __future__ import annotations

from pathlib import Path

import click

from dartsl.cli.options import command, device_option, plugin_option, run_argument
from dartsl.cli.output import answer
from dartsl.lang.syntax.paths import printable


@command("eval")
@run_argument
@click.option(
    "--data",
    metavar="TEXT",
    help="Measure the test part of other data, prepared like the run's own. [the run's]",
)
@device_option
@plugin_option
def eval_command(run: Path, data: str | None, device: str, plugins: tuple[Path, ...]) -> None:
    """Report the test error or perplexity of a trained RUN; of numbers, errors and R2.

    Each figure comes with its 95 % confidence interval.

    The weights are those of the last checkpoint: of the last epoch if the training is finished, and averaged if
    it averages them. The interval of an error is Wilson's, in which the test images are the only source of
    chance. That of a loss is normal, from the variance of the mean losses of the test windows, taken as
    independent; the ends for a perplexity are their exponentials. Of a RUN that predicts numbers (`loss = "mse"`)
    they are normal, over the test examples; R2 has none.

    \b
    Examples:
      dartsl eval runs/digits-trained
      dartsl eval runs/digits-trained --format json
      dartsl eval runs/digits-trained --data other.npz
    """
    from dartsl.api import evaluate
    from dartsl.training.report import test_lines

    found = evaluate(run, data=data, device=device, plugins=plugins)
    lines = [*test_lines(found.test), f"weights     after epoch {found.epochs}"]
    if found.other is not None:
        lines.append(f"data        {printable(found.data)}, {found.other}")
    answer(found.record(), "\n".join(lines))
