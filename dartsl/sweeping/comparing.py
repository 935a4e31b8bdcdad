"""Runs side by side: the settings that differ, what each has reached, its curves, and how the cells differ. No torch.

Runs at work are compared as they stand, after the last epoch that each has recorded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any

from dartsl.graph.diff import SpecDiff, diff_specs
from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.loader import read
from dartsl.lang.syntax.paths import exists, printable
from dartsl.run.commands import command_line
from dartsl.run.curves import Panel, curves, side_by_side
from dartsl.run.files import Row
from dartsl.run.folder import RunFolder
from dartsl.run.kinds import SEARCH
from dartsl.run.plot import MOST_RUNS, picture
from dartsl.searching.derive import rederive
from dartsl.training.measured import read_result

NUMBERS = {"mse": "mean squared error", "mae": "mean absolute error"}  # of a test, by their keys
RUN, PARAMETER, SETTING, VERSION = "run", "parameter", "setting", "version"


@dataclass(frozen=True)
class ComparedRun:
    """A run, and how far it has come: `epoch` of `epochs`; `finished` once its outcome is written."""

    path: str
    source: str
    network: str
    epoch: int
    epochs: int
    finished: bool


@dataclass(frozen=True)
class Difference:
    """What differs between runs: a value for each, None where a run has none.

    what  `run` (its source, SHA-256 of the spec, seed, ...), `parameter` of the network, `setting`, or `version`
    """

    what: str
    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class ComparedFigure:
    """What each run has reached: the last value of a learning curve, its seconds, or of a training what its test data
    have measured (errors are parts of 1). None where a run has no such figure, or not yet."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class ComparedCells:
    """The cells of the first run and those of another one, by its place from 1. Of a search they are what it has found,
    or what would be derived now; None, with the reason, while there are none."""

    run: int
    diff: SpecDiff | None
    reason: str = ""


@dataclass(frozen=True)
class RunComparison:
    """Runs of one kind, `search` or `train`, side by side; `panels` are their curves, which `drawn` draws."""

    kind: str
    runs: tuple[ComparedRun, ...]
    differences: tuple[Difference, ...]
    figures: tuple[ComparedFigure, ...]
    cells: tuple[ComparedCells, ...]
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class _Side:
    folder: RunFolder
    rows: Sequence[Row]
    panels: Sequence[Panel]


def compare_runs(paths: Sequence[Path]) -> RunComparison:
    """Two runs or more, side by side.

    Raises UserError where there are fewer, one is no run or is damaged, or some are searches and others trainings.
    """
    missing = next((path for path in paths if not exists(path)), None)
    if missing is not None:
        raise UserError(f"there is no run folder {missing}", exit_code=2)
    if len(paths) < 2:
        raise UserError("a comparison takes two runs or more", "name the folders of the runs", exit_code=2)
    sides = [_side(path) for path in paths]
    kind = sides[0].folder.kind
    other = next((side.folder for side in sides if side.folder.kind != kind), None)
    if other is not None:
        raise UserError(
            f"{paths[0]} is a {kind.title}, and {other.path} a {other.kind.title}",
            "compare searches with searches, and trainings with trainings",
            exit_code=2,
        )
    return RunComparison(
        kind.name,
        tuple(_run(side) for side in sides),
        tuple(_differences(sides)),
        tuple(_figures(sides)),
        tuple(_cells([side.folder for side in sides])),
        tuple(side_by_side([side.panels for side in sides], kind.panels)),
    )


def drawn(found: RunComparison, kind: str = "svg") -> bytes:
    """The curves of all runs on one page, in one of `dartsl.run.plot.FORMATS`. Raises UserError for too many runs."""
    if len(found.runs) > MOST_RUNS:
        raise UserError(
            f"{len(found.runs)} runs on one page could not be told apart: it has colours for {MOST_RUNS}",
            f"name {MOST_RUNS} runs, or leave the picture out",
            exit_code=2,
        )
    if not found.panels:
        raise UserError("none of these runs has an epoch yet to draw", "let one of them finish an epoch")
    title = "searches side by side" if found.kind == SEARCH.name else "trainings side by side"
    names = [printable(f"{run.path}, epoch {run.epoch} of {run.epochs}") for run in found.runs]
    return picture(title, found.panels, kind=kind, runs=names)


def _side(path: Path) -> _Side:
    if not exists(path / "run.json") and exists(path / "seed0" / "run.json"):
        one = command_line("dartsl", "compare", path / "seed0", path / "seed1")
        raise UserError(f"{path} holds the runs of several seeds", f"compare these: {one}")
    folder = RunFolder.open(path)
    rows = folder.history()
    try:
        return _Side(folder, rows, curves(rows))
    except ValueError as error:
        raise UserError(f"the history of {path} is damaged: {error}") from None


def _run(side: _Side) -> ComparedRun:
    folder, info = side.folder, side.folder.info
    epoch = side.rows[-1]["epoch"] if side.rows else 0
    finished = exists(folder.path / folder.kind.outcome[0])
    return ComparedRun(str(folder.path), info.source, info.network, epoch, info.settings["epochs"], finished)


def _differences(sides: Sequence[_Side]) -> Iterable[Difference]:
    infos = [side.folder.info for side in sides]
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = {
        RUN: [_of_run(side.folder) for side in sides],
        PARAMETER: [info.parameters for info in infos],
        SETTING: [_defaults(side.folder) | info.settings for side, info in zip(sides, infos, strict=True)],
        VERSION: [info.versions for info in infos],
    }
    for what, given in tables.items():
        for name in dict.fromkeys(name for each in given for name in each):
            values = tuple(each.get(name) for each in given)
            if any(value != values[0] for value in values) and (what, name) != (SETTING, "seed"):
                yield Difference(what, name, values)


def _of_run(folder: RunFolder) -> dict[str, Any]:
    """What decides a run besides its settings and parameters."""
    info = folder.info
    return {
        "source": info.source,
        "spec_hash": info.spec_hash,
        "network": info.network,
        "seed": info.seed,
        "init": None if info.init is None else info.init.path,
        "plugins": [file.sha256 or file.path for file in info.plugins],
        "given": info.given,
        "data_hash": info.data_hash,
    }


def _defaults(folder: RunFolder) -> dict[str, Any]:
    """Those of its kind's settings: what a run did that is older than a setting."""
    plain = {each.name: _default(each) for each in fields(folder.kind.settings)}
    return dict(json.loads(json.dumps(plain, default=str)))


def _default(setting: Field[Any]) -> Any:
    if setting.default_factory is not MISSING:
        return setting.default_factory()
    return None if setting.default is MISSING else setting.default


def _figures(sides: Sequence[_Side]) -> Iterable[ComparedFigure]:
    found = [_reached(side) for side in sides]
    for name in dict.fromkeys(name for each in found for name in each):
        yield ComparedFigure(name, tuple(each.get(name) for each in found))


def _reached(side: _Side) -> dict[str, float]:
    last = {
        panel.title if line.name == panel.title else f"{panel.title}, {line.name}": line.points[-1][1]
        for panel in side.panels
        for line in panel.lines
        if panel.title in side.folder.kind.panels
    }
    seconds = [row["seconds"] for row in side.rows if isinstance(row.get("seconds"), int | float)]
    last |= {"seconds": float(sum(seconds))} if seconds else {}
    folder = side.folder
    if folder.kind == SEARCH or not exists(folder.path / folder.kind.outcome[0]):
        return last
    result = read_result(folder)
    last |= {"parameters": result["parameters"]} if "parameters" in result else {}
    test = result["test"]
    if test is None:
        return last
    if "mse" in test:
        known = {} if test["r2"] is None else {"test R2": test["r2"]}
        squares, absolute = ({f"test {name}": test[key]["value"]} for key, name in NUMBERS.items())
        return last | squares | known | absolute
    if "tokens" in test:
        return last | {"test perplexity": test["perplexity"]["value"], "test loss": test["loss"]["value"]}
    return last | {"test error": test["top1"]["error"], "test loss": test["loss"]}


def _cells(folders: Sequence[RunFolder]) -> Iterable[ComparedCells]:
    first = _spec(folders[0])
    for place, folder in enumerate(folders[1:], start=2):
        other = _spec(folder)
        missing = [number for number, spec in ((1, first), (place, other)) if spec is None]
        if first is None or other is None:
            yield ComparedCells(place, None, f"run {missing[0]} has no cells yet")
        else:
            yield ComparedCells(place, diff_specs(first, other))


def _spec(folder: RunFolder) -> Spec | None:
    """What a search has found, or would find now; what a training trains. None where nothing can be derived yet."""
    if folder.kind != SEARCH:
        return check(read(str(folder.spec)))
    if folder.found.exists():
        return check(read(str(folder.found)))
    try:
        text = rederive(folder.path)
    except UserError:
        return None
    return check(Source(str(folder.found), text, folder.found))
