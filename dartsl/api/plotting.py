"""The picture of a run, from Python: `dartsl.plot`, which the command of that name calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dartsl.lang.diagnostics import UserError
from dartsl.lang.paths import exists, printable
from dartsl.run.commands import command_line
from dartsl.run.curves import averaged_since, curves

if TYPE_CHECKING:
    from dartsl.run.folder import RunFolder

CURVES = "curves.svg"


def plot(run: str | Path, output: str | Path | None = None) -> Path:
    """Draw a run's learning curves, and for a search how the weights of its operations went, edge by edge.

    The run may be at work or interrupted: what it has recorded is drawn. `output` names the picture (.svg, .png,
    .pdf), by default `curves.svg` in the run's folder; it is returned. Raises UserError for a folder that is not a run,
    is damaged or has no epoch yet; SpecError where a search's spec was broken.
    """
    from dartsl.graph.render import picture_format
    from dartsl.run.files import write_bytes
    from dartsl.run.plot import FORMATS

    target = Path(run) / CURVES if output is None else Path(output)
    write_bytes(target, picture(Path(run), picture_format(target, FORMATS)))
    return target


def picture(path: Path, kind: str) -> bytes:
    """What `plot` draws, as a file of the format `kind`. Raises UserError, SpecError."""
    from dartsl.run.folder import RunFolder
    from dartsl.run.kinds import SEARCH
    from dartsl.run.layout import RUN
    from dartsl.run.plot import picture
    from dartsl.searching.shares import cell_shares

    if not exists(path / RUN) and exists(path / "seed0" / RUN):
        one = command_line("dartsl", "plot", path / "seed0")
        raise UserError(f"{path} holds the runs of several seeds", f"draw one of them: {one}")
    folder = RunFolder.open(path)
    rows = folder.history()
    if not rows:
        go_on = folder.kind.go_on(path)
        raise UserError(f"{path} has no epoch yet to draw", f"let it finish one: {go_on}")
    try:
        panels = curves(rows)
    except ValueError as error:
        raise UserError(f"the history of {path} is damaged: {error}") from None
    drawn = [panel for panel in panels if panel.title in folder.kind.panels]
    if not drawn:
        raise UserError(f"the history of {path} holds nothing that could be drawn")
    shares = cell_shares(folder) if folder.kind == SEARCH else []
    return picture(_title(folder, rows[-1]["epoch"]), drawn, shares, averaged_since(rows), kind)


def _title(folder: RunFolder, epoch: int) -> str:
    """What was run, and how far it has come."""
    info = folder.info
    epochs = info.settings.get("epochs", epoch)
    source, network = printable(Path(info.source).name), printable(info.network)
    return f"{folder.kind.title} of {source}, network {network}: epoch {epoch} of {epochs}, seed {info.seed}"
