"""What dartsl does, from Python: `dartsl.parse`, `dartsl.search` and the others, which the command line calls too.

A spec is given by its path, the name of one that comes with dartsl (`"digits"`), as a `Source` for text, or as the
`Spec` that `check` gave.
A mistake in it raises SpecError, which carries every diagnostic; any other mistake raises UserError. Nothing
imports torch before `compile`, `search` or the memory estimate of `info` need it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dartsl.lang.diagnostics import UserError
from dartsl.lang.inputs import Images, Input
from dartsl.lang.model import Cell, Spec
from dartsl.lang.paths import exists
from dartsl.lang.settings import Config, SearchConfig
from dartsl.lang.settings import search_config as of_search
from dartsl.lang.source import Source
from dartsl.lang.syntax import File
from dartsl.nn.build import Build

if TYPE_CHECKING:
    from dartsl.api.summary import Info
    from dartsl.graph.draw import Kept, Weights
    from dartsl.nn.supernet import Supernet
    from dartsl.searching.loop import SearchResult

SpecLike = str | Path | Source | Spec
Parameters = Mapping[str, Fraction | int]
Plugins = Sequence[str | Path]


def source_of(spec: SpecLike) -> Source:
    """The text of a path, a shipped spec's name, or a Spec. Raises UserError."""
    from dartsl.lang.loader import read

    if isinstance(spec, Spec):
        return spec.root.source
    return spec if isinstance(spec, Source) else read(str(spec))


def parse(spec: SpecLike) -> File:
    """The syntax tree of one file; imports are not followed. Raises SpecError, UserError."""
    from dartsl.lang import parser

    return parser.parse(source_of(spec))


def check(spec: SpecLike) -> Spec:
    """A spec whose names, graph, shapes and settings are sound; warnings stand in `.warnings`.

    Raises SpecError with all that is wrong, UserError where there is no such file.
    """
    from dartsl.lang import check as checker

    return spec if isinstance(spec, Spec) else checker.check(source_of(spec))


def info(
    spec: SpecLike,
    network: str | None = None,
    parameters: Parameters | None = None,
    *,
    batch: int | None = None,
    order: str | None = None,
    level: int | None = None,
    memory: str | None = None,
    plugins: Plugins = (),
) -> Info:
    """The size of a search space, and the parameters, multiply-adds and memory of one of its networks.

    `batch` (images per step, from each half), `order` (of the alpha gradient), `level` (of optimisation) and `memory`
    (normal or low) are for the memory, in bytes; the spec's settings are their defaults. With memory = "none" it is
    left out: all else takes no torch and no seconds. A spec without a network has its cells alone.
    Raises SpecError, UserError.
    """
    return describe_spec(
        check(spec),
        network,
        parameters,
        batch=batch,
        order=order,
        level=level,
        memory=memory,
        plugins=plugins,
    )


def describe_spec(
    checked: Spec,
    network: str | None,
    parameters: Parameters | None,
    *,
    batch: int | None,
    order: str | None,
    level: int | None,
    memory: str | None = None,
    plugins: Plugins,
) -> Info:
    """`info` of a spec that is checked already."""
    from dartsl.api.summary import describe
    from dartsl.lang.check import pick_network
    from dartsl.lang.plan import plan
    from dartsl.run.beside import allowed, plugins_beside

    planned = None
    if network is not None or root_networks(checked):
        planned = plan(checked, pick_network(checked, network), parameters or {})
    elif parameters:
        raise UserError("the spec has no network whose parameters could be set", exit_code=2)
    if planned is not None and plugins:
        from dartsl.nn.plugins import require_sound

        require_sound(checked, planned, plugins)
    config = of_search(Images if planned is None else planned.network.takes, checked.search)
    return describe(
        checked,
        planned,
        batch=config.batch if batch is None else batch,
        order=order or config.order,
        build=Build(
            level=config.optimise if level is None else level,
            memory=memory or config.memory,
            dtype=config.dtype,
        ),
        plugins=plugins or allowed(plugins_beside(checked.root.source)),
    )


def root_networks(spec: Spec) -> list[str]:
    """The networks that the root file declares; imported ones count only when named (language rule 12)."""
    return [name for name, network in spec.networks.items() if network.span.source == spec.root.source]


def compile(
    spec: SpecLike,
    network: str | None = None,
    parameters: Parameters | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float32",
    level: int = 2,
    memory: str = "normal",
    amp: bool = False,
    drop_path: bool = False,
    auxiliary: bool = False,
    plugins: Plugins = (),
) -> Supernet:
    """A network as a torch module: images (B, C, H, W), normalised, to logits (B, classes).

    `parameters` replace the network's defaults, such as {"C": 36}; `plugins` are files that implement `extern
    op`s. `level` is that of optimisation, 0 to 2: the mathematics and the state_dict are the same. A decided spec
    gives a network without alphas. Raises SpecError, UserError.
    """
    from dartsl.nn import supernet
    from dartsl.run.beside import plugins_beside

    checked = check(spec)
    return supernet.compile(
        checked,
        network,
        parameters,
        Build(
            level=level,
            seed=seed,
            device=device,
            dtype=dtype,
            memory=memory,
            amp=amp,
            drop_path=drop_path,
            auxiliary=auxiliary,
        ),
        plugins or plugins_beside(checked.root.source),
    )


def search(
    spec: SpecLike,
    out: str | Path | None = None,
    *,
    network: str | None = None,
    parameters: Parameters | None = None,
    plugins: Plugins = (),
    **settings: Any,
) -> SearchResult:
    """Search a spec's network; the run's folder then holds the cells found, as text and as a picture.

    `out` is the folder, by default `runs/` and the spec's name. `settings` are those of `search {}`, over the
    spec's and the defaults (`SearchConfig`): dartsl.search("digits", epochs=3). Raises SpecError, UserError.
    """
    from dartsl.run.beside import plugins_beside
    from dartsl.run.job import Job
    from dartsl.searching import loop

    checked = check(spec)
    config = search_config(checked, settings, network)
    known = plugins or plugins_beside(checked.root.source)
    folder = None if out is None else Path(out)
    return loop.search(Job(checked, network, parameters or {}, known, folder, "dartsl.search(...)"), config)


def resume(
    run: str | Path, *, device: str | None = None, plugins: Plugins = (), epochs: int | None = None
) -> SearchResult:
    """Go on with a run that was interrupted, as if it had never stopped.

    `plugins` names those of a run that was not made in its folder by this user. With `epochs` the run, finished or
    not, gets another last epoch: from then on its schedules are those of so many epochs. Raises UserError.
    """
    from dartsl.run.resuming import Anew
    from dartsl.searching import loop

    return loop.resume(Path(run), Anew(device, plugins, epochs))


def search_config(spec: Spec, settings: Mapping[str, Any], network: str | None = None) -> SearchConfig:
    """`settings` over the spec's own over the defaults for its network. Raises UserError for one that is
    unknown or bad, or of another kind of network."""
    from dartsl.lang.check import pick_network

    return settled(of_search, pick_network(spec, network).takes, settings, spec.search)


def settled(
    complete: Callable[..., Config],
    takes: type[Input],
    settings: Mapping[str, Any],
    *layers: Mapping[str, Any],
) -> Config:
    """`settings` over `layers` over the defaults for a network that takes such an input, by `complete`, which is
    `dartsl.lang.settings.search_config` or `train_config`.

    Raises UserError for a setting that is unknown or bad, or of another kind of network.
    """
    for name, value in settings.items():
        try:
            complete(takes, {name: value})
        except KeyError:
            raise UserError(f"there is no setting `{name}`", exit_code=2) from None
        except ValueError as fault:
            raise UserError(
                f"`{value}` is not a value for the setting `{name}`", f"give {fault}", 2
            ) from None
    return complete(takes, *layers, settings)


def derive(run: str | Path, epoch: int | None = None, rule: str | None = None) -> str:
    """The cells that a run's alphas stand for, as the text of a spec; after its last epoch, or after `epoch`.

    `rule` is connected (the likeliest cells whose output depends on the input) or argmax (the strongest operations);
    by default the run's own. Raises UserError where there is no such run, epoch or rule.
    """
    from dartsl.searching.derive import rederive

    if rule not in (None, "connected", "argmax"):
        raise UserError(f"there is no rule `{rule}`", "connected or argmax", exit_code=2)
    return rederive(Path(run), epoch, rule)


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

    path = None if output is None else Path(output)
    kind = None if path is None else picture_format(path)
    if isinstance(spec, str | Path) and names_a_run(spec):
        cells, weights, kept, even = _cells_of_run(Path(spec), epoch)
    elif epoch is not None:
        raise UserError("only a run has epochs", "name a run's folder", exit_code=2)
    else:
        cells, weights, kept, even = _cells_of_spec(check(spec), network), None, None, drawing.equal_shares
    text = drawing.draw(_picked(cells, cell), weights, kept, even)
    if path is not None:
        write_text(path.with_suffix(".dot"), text)
        if kind is not None and kind != "dot":
            write_bytes(path, render(text, kind))
    return text


def names_a_run(name: str | Path) -> bool:
    """Whether a name means a folder; a shipped spec of that name goes before a folder that is not a run."""
    from dartsl.lang.resources import shipped_specs
    from dartsl.run.layout import RUN

    path = Path(name)
    return exists(path) and path.is_dir() and (exists(path / RUN) or str(name) not in shipped_specs())


def _cells_of_run(run: Path, epoch: int | None) -> tuple[list[Cell], Weights, Kept, Callable[[int], float]]:
    """Its cells, their mixing weights, the edges that are kept, and what weighs while none is preferred."""
    from dartsl.run.folder import RunFolder
    from dartsl.searching.derive import derivation, mixing_weights, relaxation_of, run_network
    from dartsl.searching.readouts import READOUTS

    folder = RunFolder.open(run)
    _, readings = mixing_weights(folder, *run_network(folder), epoch)
    weights = {name: reading.weights for name, reading in readings.items()}
    derived = derivation(folder, epoch).cells
    kept = {found.cell.name: [edge.edge for edge in found.edges] for found in derived}
    return [found.cell for found in derived], weights, kept, READOUTS.of(relaxation_of(folder)).even


def _cells_of_spec(spec: Spec, network: str | None) -> list[Cell]:
    """Those of the network that is named; else those that the root file declares, or its networks use."""
    from dartsl.lang.check import pick_network

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
