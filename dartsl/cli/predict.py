"""`dartsl predict`."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dartsl.cli.options import command, device_option, plugin_option, run_argument
from dartsl.cli.output import answer, note
from dartsl.lang.syntax.paths import printable

STDIN = Path("-")

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dartsl.run.inputs import ImageInputs
    from dartsl.training.predict import Prediction
    from dartsl.training.trained import Trained


@command("predict")
@run_argument
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILES]...")
@click.option("--prompt", metavar="TEXT", help="Text to continue, in place of a file.")
@click.option(
    "--top-k", type=click.IntRange(min=1), metavar="K",
    help="Number of classes to show; for text: sample from the K likeliest words only. [1; text: all]",
)  # fmt: skip
@click.option(
    "--length", type=click.IntRange(min=0), metavar="N", help="Words (or characters) to add to a text. [100]"
)
@click.option(
    "--temperature", type=click.FloatRange(min=0), metavar="NUMBER",
    help="Sampling temperature: below 1 likelier text, above 1 more varied; 0: always the likeliest word. [1]",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Seed of the sampled words. [0]")
@device_option
@plugin_option
def predict_command(
    run: Path,
    files: tuple[Path, ...],
    prompt: str | None,
    top_k: int | None,
    device: str,
    plugins: tuple[Path, ...],
    **sampling: Any,
) -> None:
    """Predict classes or numbers, or continue a text, with a trained RUN.

    FILES are images, folders of images, .npz files with an array `x_test` or `x`, or, of a RUN trained on a table,
    .csv files with the columns that it was trained on (`FILE[0]` is the first row below the header). Each image is
    resized, cropped and normalised as in `dartsl eval`; its likeliest class is shown with its probability. (A RUN that
    predicts numbers, by `loss = "mse"`, shows these.) If one file cannot be read, nothing is shown. A RUN trained
    on text continues --prompt, or the text of one file (`-`: stdin) without its last line break. Words that are
    not in the vocabulary are read as <unk>, if it has that word.

    The weights are those that `dartsl eval` measures. No data set is needed.

    \b
    Examples:
      dartsl predict runs/digits-trained seven.png
      dartsl predict runs/digits-trained scans/ --top-k 3 --format json
      dartsl predict runs/text-trained --prompt 'a b' --length 20 --temperature 0.5
    """
    from dartsl.api import predict
    from dartsl.run.folder import RunFolder
    from dartsl.run.inputs import ImageInputs
    from dartsl.run.kinds import TRAIN

    given = {name: value for name, value in sampling.items() if value is not None}
    folder = RunFolder.open(run)
    inputs = folder.info.inputs if folder.kind == TRAIN else None
    kind = None if inputs is None else inputs.kind
    if kind == "text":
        settings = given if top_k is None else {**given, "top_k": top_k}
        text = _prompt(files, prompt)
        _continue(_trained(run, device, plugins), text, settings)
        return
    if isinstance(inputs, ImageInputs):
        _require_images(inputs, files, [*given, *([] if prompt is None else ["prompt"])])
    network = _trained(run, device, plugins)
    found = predict(network, files, top_k=top_k)
    records = [each.record() for each in found]
    answer(
        {"epochs": network.epochs, "images": records},
        "\n".join(_lines(found, getattr(network.inputs, "target_std", ()))),
    )


def _trained(run: Path, device: str, plugins: tuple[Path, ...]) -> Trained:
    """The network; where its training is not over, that is said."""
    from dartsl.api import trained

    found = trained(run, device=device, plugins=plugins)
    if found.epochs < found.config.epochs:
        after = f"after epoch {found.epochs} of {found.config.epochs}"
        note(f"note: the training is not over: the weights are those {after}")
    return found


def _require_images(inputs: ImageInputs, files: Sequence[Path], of_text: Sequence[str]) -> None:
    if of_text:
        raise click.UsageError(f"--{of_text[0]} is for a text; this RUN was not trained on text.")
    if not files:
        what = "a .csv table with the columns of the training" if inputs.columns else f"the {inputs.kind}"
        raise click.UsageError(f"Missing argument 'FILES...': {what}.")


def _prompt(files: Sequence[Path], prompt: str | None) -> str:
    """What is to be continued. Raises UserError."""
    if (prompt is None) == (not files) or len(files) > 1:
        raise click.UsageError(
            "This RUN was trained on text: give --prompt TEXT, or one file with a text (`-` is stdin)."
        )
    from dartsl.data.text.readers import decoded, read

    if prompt is not None:
        return decoded(prompt.encode(errors="surrogateescape"), "--prompt")
    text = decoded(sys.stdin.buffer.read(), "stdin") if files[0] == STDIN else read(files[0])
    return text.removesuffix("\n")


def _continue(network: Trained, prompt: str, settings: dict[str, Any]) -> None:
    from dartsl.api import generate

    found = generate(network, prompt, **settings)
    if found.unknown:
        words = ", ".join(f"`{printable(word)}`" for word in found.unknown)
        note(f"note: not in the vocabulary, and read as <unk>: {words}")
    answer({"epochs": network.epochs, **found.record()}, found.text)


def _lines(found: Sequence[Prediction], std: Sequence[float]) -> list[str]:
    """A line for each image, its classes or numbers in columns; `std` are the deviations of numbers."""
    names = [printable(each.image) for each in found]
    if any(each.targets for each in found):
        return _numbers(names, found, std)
    rows = [[printable(name) for name in each.classes] for each in found]
    first = max(map(len, names), default=0)
    width = max((len(name) for row in rows for name in row), default=0)
    lines = []
    for name, row, each in zip(names, rows, found, strict=True):
        parts = [
            f"{known:<{width}} {100 * chance:5.1f} %"
            for known, chance in zip(row, each.probabilities, strict=True)
        ]
        lines.append("   ".join([f"{name:<{first}}", *parts]))
    return lines


def _numbers(names: Sequence[str], found: Sequence[Prediction], std: Sequence[float]) -> list[str]:
    """The same where numbers are predicted, each with the name of its target."""
    first = max(map(len, names))
    columns = list(zip(*(each.targets.values() for each in found), strict=True))
    digits = [_digits(values, each) for values, each in zip(columns, std, strict=True)]
    rows = [
        [f"{value:.{n}g}" for value, n in zip(each.targets.values(), digits, strict=True)] for each in found
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    targets = [f"{printable(name)} " for name in found[0].targets]
    return [
        "   ".join(
            [f"{name:<{first}}", *(f"{t}{v:>{w}}" for t, v, w in zip(targets, row, widths, strict=True))]
        )
        for name, row in zip(names, rows, strict=True)
    ]


def _digits(values: Sequence[float], std: float) -> int:
    """Those that show a thousandth of a deviation of the largest value, six or more."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return 6 if largest <= std else min(17, max(6, 4 + math.ceil(math.log10(largest / std))))
