"""`dartsl import` and `dartsl export`."""

from __future__ import annotations

from pathlib import Path

import click

from dartsl.cli.options import (
    command,
    network_options,
    output_option,
    parse_assignments,
    plugin_option,
    read_spec,
    spec_argument,
)
from dartsl.cli.output import deliver, note
from dartsl.exchange.formats import FORMATS, TEXTS
from dartsl.lang.codes.diagnostics import UserError


@command("import")
@click.argument("source", metavar="FILE_OR_TEXT")
@click.option("--name", metavar="NAME", help="Name of the genotype, if there are several.")
@click.option("--keep-unknown", is_flag=True, help="Import unknown operations as `extern op`s.")
@output_option("Where to write the spec. Without it the text goes to stdout.")
def import_command(source: str, name: str | None, keep_unknown: bool, output: Path | None) -> None:
    """Import a published cell, or one found by another tool.

    Accepted are genotypes of the DARTS family in any text (a literal, a Python file, or a log, of which the last
    genotype counts), NAS-Bench-301's tuples, NAS-Bench-201's strings, and NNI's JSON of choices for DARTS; `-` is
    stdin. They are read as data; nothing is executed. The spec has the cells, a network for CIFAR-10 (or Penn
    Treebank) and a training recipe.

    \b
    Examples:
      dartsl import genotypes.py --name DARTS_V2 -o v2.darts
      dartsl import search-EXP/log.txt -o found.darts
      dartsl import '|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|'
    """
    from dartsl.api.exchanging import imported

    found = imported(source, name, keep_unknown=keep_unknown)
    deliver(found.text, output)
    for text in found.notes:
        note(text)


@command("export")
@spec_argument
@click.option("--to", type=click.Choice(FORMATS), required=True, help="Format to write.")
@click.option("--epoch", type=click.IntRange(min=1), help="Export the cells of a search after this epoch.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of the initial weights of a SPEC.",
)
@click.option(
    "--normalisation/--no-normalisation",
    default=True,
    show_default=True,
    help="Build normalisation into the program of a trained network, which then takes images in 0..1.",
)
@click.option(
    "--uint8", is_flag=True, help="Let the program of a trained network take uint8 images, 0 to 255."
)
@network_options
@plugin_option
@output_option("Where to write it; without it texts go to stdout.")
def export_command(
    spec: str,
    to: str,
    epoch: int | None,
    seed: int,
    normalisation: bool,
    uint8: bool,
    network: str | None,
    assignments: tuple[str, ...],
    plugins: tuple[Path, ...],
    output: Path | None,
) -> None:
    """Export a SPEC or a RUN for other tools.

    A genotype or a NAS-Bench-201 string holds only the cells. A torch.export program (.pt2), an ONNX file and
    safetensors hold a network with its weights: those of a trained RUN (averaged ones if it averages them,
    without the auxiliary head), or fresh ones for a SPEC. Programs of a trained RUN take images (B, C, H, W) in
    0..1 and normalise them with its mean and standard deviation; these, the image size and the class names are in
    the metadata of every file. Programs are checked against the model before they are written.

    \b
    Examples:
      dartsl export runs/digits --to genotype
      dartsl export zoo/darts_v2 --to torch -o darts_v2.pt2
    """
    from dartsl.api.exchanging import exported
    from dartsl.api.specs import names_a_run

    if output is None and to not in TEXTS:
        raise UserError(f"--to {to} needs a file to write to", "name it by -o; `-` is stdout", exit_code=2)
    found = exported(
        spec if names_a_run(spec) or epoch is not None else read_spec(spec),
        to,
        network=network,
        parameters=parse_assignments(assignments),
        epoch=epoch,
        seed=seed,
        plugins=plugins,
        normalisation=normalisation,
        uint8=uint8,
    )
    fresh = f" with fresh weights (seed {seed})" if found.fresh else ""
    facts = {} if found.takes is None else {"takes": found.takes}
    deliver(found.content, output, fresh, **facts)
