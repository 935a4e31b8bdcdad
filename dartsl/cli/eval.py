"""`dartsl eval`."""

from __future__ import annotations

from pathlib import Path

import click

from dartsl.cli.options import command, device_option, plugin_option, run_argument
from dartsl.cli.output import answer
from dartsl.lang.paths import printable


@command("eval")
@run_argument
@click.option(
    "--data",
    metavar="TEXT",
    help="Other data, whose test part is measured, prepared as the run's own. [the run's]",
)
@device_option
@plugin_option
def eval_command(run: Path, data: str | None, device: str, plugins: tuple[Path, ...]) -> None:
    """Report the test error or perplexity of a trained RUN.

    Each figure comes with its 95 % confidence interval.

    The weights are those of the last checkpoint: of the last epoch where the training is over, averaged where it
    averaged them. An error's interval is Wilson's; it counts the test images as the only chance. A loss's is normal,
    from how the mean losses of the windows of the test text vary, as if they were independent; a perplexity's
    ends are exp of its ends.

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
