"""Pictures: the cells of a spec or of a run as a diagram, and how a run went."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dartsl.api.arguments import require
from dartsl.api.specs import RunLike, SpecLike, check, names_a_run, names_seeds, path_of, root_networks
from dartsl.lang.check.model import Cell, Spec
from dartsl.lang.codes.diagnostics import Error, UserError
from dartsl.lang.plan.layer_choices import shown
from dartsl.lang.syntax.paths import printable
from dartsl.run.commands import command_line
from dartsl.run.curves import averaged_since, curves

if TYPE_CHECKING:
    from collections.abc import Callable

    from dartsl.graph.draw import Kept, Shares, Weights
    from dartsl.run.folder import RunFolder

CURVES = "curves.svg"


def draw(
    spec: SpecLike,
    output: str | Path | None = None,
    *,
    cell: str | None = None,
    network: str | None = None,
    epoch: int | None = None,
) -> str:
    """The cells of a spec, or of a run's folder, as a diagram: DOT text, returned.

    `output` names a picture (.svg, .png, .pdf) to write too, with the DOT text beside it, or the .dot alone.
    A run's edges are the wider the more their strongest operation weighs, after its last epoch or `epoch`, and
    dashed where discretisation drops them.
    Raises SpecError, UserError; also where nothing can render the picture, the DOT text being written then.
    """
    from dartsl.graph import draw as drawing
    from dartsl.graph.render import picture_format, render
    from dartsl.run.files import write_bytes, write_text

    require(cell=cell, network=network, epoch=epoch)
    path = None if output is None else Path(output)
    kind = None if path is None else picture_format(path)
    if isinstance(spec, str | os.PathLike) and names_a_run(spec):
        cells, weights, kept, even, shares = _cells_of_run(Path(spec), epoch)
    elif epoch is not None:
        raise UserError("only a run has epochs", "name a run's folder", exit_code=2)
    else:
        cells, weights, kept, even = drawn_cells(check(spec), network), None, None, drawing.equal_shares
        shares = None
    text = drawing.draw(_picked(cells, cell), weights, kept, even, shares)
    if path is not None:
        write_text(path.with_suffix(".dot"), text)
        if kind is not None and kind != "dot":
            write_bytes(path, render(text, kind))
    return text


def svg(what: Spec | Cell | RunLike) -> str | None:
    """What a notebook shows: of a search's run or a spec its cells, of a training's run its curves, as an SVG; None
    where nothing can be drawn."""
    from dartsl.graph.draw import draw as dot_of
    from dartsl.graph.render import render

    try:
        if isinstance(what, Cell):
            drawn = render(dot_of([what]), "svg")
        elif isinstance(what, Spec) or not _trains(path_of(what)):
            drawn = render(draw(what), "svg")
        else:
            drawn = picture(path_of(what), "svg")
    except Error:
        return None
    text = drawn.decode()
    return text[text.index("<svg") :]


Spec._repr_svg_ = svg  # lang, where these are, comes before what draws them
Cell._repr_svg_ = svg


def plot(run: RunLike, output: str | Path | None = None) -> Path:
    """Draw a run's learning curves, and for a search how the weights of its operations went, edge by edge.

    The run may be at work or interrupted: what it has recorded is drawn. `output` names the picture (.svg, .png,
    .pdf), by default `curves.svg` in the run's folder; it is returned. Raises UserError for a folder that is not a run,
    is damaged or has no epoch yet; SpecError where a search's spec was broken.
    """
    from dartsl.graph.render import picture_format
    from dartsl.run.files import write_bytes
    from dartsl.run.plot import FORMATS

    folder = path_of(run)
    target = folder / CURVES if output is None else Path(output)
    write_bytes(target, picture(folder, picture_format(target, FORMATS)))
    return target


def picture(path: Path, kind: str) -> bytes:
    """What `plot` draws, as a file of the format `kind`. Raises UserError, SpecError."""
    from dartsl.run.folder import RunFolder
    from dartsl.run.kinds import SEARCH
    from dartsl.run.plot import picture
    from dartsl.searching.shares import cell_shares

    if names_seeds(path):
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


def _trains(run: Path) -> bool:
    from dartsl.run.folder import RunFolder
    from dartsl.run.kinds import TRAIN

    return RunFolder.open(run).kind == TRAIN


def _title(folder: RunFolder, epoch: int) -> str:
    """What was run, and how far it has come."""
    info = folder.info
    epochs = info.settings.get("epochs", epoch)
    source, network = printable(Path(info.source).name), printable(info.network)
    return f"{folder.kind.title} of {source}, network {network}: epoch {epoch} of {epochs}, seed {info.seed}"


def _cells_of_run(
    run: Path, epoch: int | None
) -> tuple[list[Cell], Weights, Kept, Callable[[int], float], Shares]:
    """Its cells, their mixing weights, the edges that are kept, what weighs while none is preferred, and what edges
    count."""
    from dartsl.run.folder import RunFolder
    from dartsl.searching.derive import derivation, mixing_weights, relaxation_of, run_network
    from dartsl.searching.readouts import READOUTS

    folder = RunFolder.open(run)
    _, readings = mixing_weights(folder, *run_network(folder), epoch)
    weights = {name: reading.weights for name, reading in readings.items()}
    derived = derivation(folder, epoch).cells
    kept = {found.cell.name: [each.edge for each in found.edges if each.stays] for found in derived}
    shares = {name: reading.edges for name, reading in readings.items()}
    return [found.cell for found in derived], weights, kept, READOUTS.of(relaxation_of(folder)).even, shares


def drawn_cells(spec: Spec, network: str | None = None) -> list[Cell]:
    """Those of the network that is named; else those that the root file declares, or its networks use. Raises
    UserError."""
    from dartsl.lang.checker import pick_network

    spec = shown(spec, network)
    if network is not None:
        return [spec.cells[name] for name in pick_network(spec, network).cells]
    used = {name for item in root_networks(spec) for name in spec.networks[item].cells}
    root = spec.root.source
    return [cell for name, cell in spec.cells.items() if name in used or cell.span.source == root]


def _picked(cells: list[Cell], name: str | None) -> list[Cell]:
    names = ", ".join(f"`{cell.name}`" for cell in cells)
    if not cells:
        raise UserError("there is no cell to draw", "a cell whose candidates are open cannot be drawn")
    picked = [cell for cell in cells if name is None or cell.name == name]
    if not picked:
        raise UserError(f"there is no cell `{name}`", f"there is {names}", exit_code=2)
    return picked
