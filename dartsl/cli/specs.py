"""`dartsl specs` and `dartsl new`."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

import click

from dartsl.cli.options import command, complete_spec, output_option
from dartsl.cli.output import STDOUT, answer, deliver
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.paths import exists
from dartsl.run.commands import command_line

STARTER = """\
darts 1

# A search space to start from. `dartsl check` looks for mistakes, `dartsl draw` shows it, `dartsl search`
# finds a cell in it, and `dartsl fmt` writes it neatly.

# Operations to compose with: relu_conv_bn, sep_conv, dil_conv, skip_connect, ...
import "std/cnn"

# What an edge may become: the search chooses one of these for each edge.
ops candidates = none | max_pool_3x3 | skip_connect | sep_conv_3x3 | dil_conv_3x3

# A cell is a small graph. It reads the outputs of the two layers before it.
cell normal {
  input  c0, c1 : preprocess
  node   n0..n2 : sum keep 2         # two of the edges into each node survive
  edge   all -> n0..n2 : candidates  # from both inputs and every earlier node
  output concat(n0..n2)
}

# The same graph, with choices of its own.
cell reduction = normal

# The network that the cells stand in: C is its width, n the number of normal cells in a row. Each is an
# option too: `--set classes=200`.
network small(C = 8, n = 1, classes = 10) {
  input image(1, 8, 8)
  stem  conv(3, out = 3*C) > bn
  stage normal*n               width C
  stage reduction/2 > normal*n width 2*C
  head  global_avg_pool > linear(classes)
}

# Settings of `dartsl search`; `dartsl search --help` lists them all.
search {
  data      = "digits"  # 1,797 handwritten digits, 8x8, which come with scikit-learn
  epochs    = 10
  batch     = 64
  alphas_lr = 0.01
  crop      = 1
  flip      = false
}
"""


@command("specs")
def specs_command() -> None:
    """List the specs that come with dartsl.

    Each name can be given as a SPEC, unless there is a file of that name.

    \b
    Example:
      dartsl specs
    """
    from dartsl.api.specs import shipped_specs

    found = shipped_specs()
    width = max(map(len, found), default=0)
    lines = (f"{name:<{width}}  {about}".rstrip() for name, about in found.items())
    answer({"specs": [{"name": name, "about": about} for name, about in found.items()]}, "\n".join(lines))


@command("new")
@click.argument("name", metavar="NAME", required=False)
@click.option(
    "--from", "origin", metavar="SPEC", shell_complete=complete_spec,
    help="Copy this shipped spec, comments included, in place of the starter. `dartsl specs` lists them.",
)  # fmt: skip
@output_option("Where to write it, in place of NAME.darts.")
@click.pass_context
def new_command(ctx: click.Context, name: str | None, origin: str | None, output: Path | None) -> None:
    """Write a starter spec, or a copy of a shipped one.

    It is written to NAME.darts, with comments that explain it.

    \b
    Examples:
      dartsl new mine && dartsl search mine.darts
      dartsl new mine --from darts_cnn
      dartsl new -o -
    """
    if name is None and output is None:
        raise click.UsageError("Give a NAME, or a file by -o.", ctx)
    path = Path(f"{(name or '').removesuffix('.darts')}.darts") if output is None else output
    if path.name == ".darts":
        raise UserError(f"`{name}` names no file", "write, for example, `dartsl new mine`", exit_code=2)
    if path != STDOUT and exists(path):
        raise UserError(f"{path} exists", "choose another name")
    check, search = (command_line("dartsl", verb, path) for verb in ("check", "search"))
    remark = f"; now `{check}`" + (f", or `{search}`" if origin is None else "")
    deliver(STARTER if origin is None else _shipped(origin), path, remark)


def _shipped(name: str) -> str:
    """The text of a shipped spec. Raises UserError."""
    from dartsl.lang.syntax.loader import PRELUDES
    from dartsl.lang.syntax.resources import shipped_specs

    known = shipped_specs()
    name = name.removesuffix(".darts")
    if name in PRELUDES.values():
        raise UserError(f"`{name}` is part of every spec, and a copy would define all of it twice")
    if name not in known:
        near = get_close_matches(name, known, 1)
        advice = f"did you mean `{near[0]}`?" if near else "`dartsl specs` lists the shipped specs"
        raise UserError(f"`{name}` is not a shipped spec", advice, exit_code=2)
    return known[name].read_text(encoding="utf-8")
