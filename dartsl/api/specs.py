"""Specs: found, read, checked, written neatly and compared. No torch.

A spec is given by its path, by the name of one that comes with dartsl (`"digits"`), as a `Source` for text, or as the
`Spec` that `check` gave. The folder of a run stands for what it has found, or for its own spec while that is nothing.
A mistake in a spec raises SpecError, which carries every diagnostic; any other mistake raises UserError.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from dartsl.api import types
from dartsl.lang.check.model import Spec
from dartsl.lang.codes.diagnostics import Diagnostic, SpecError, UserError
from dartsl.lang.codes.render import Size
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.ast import File
from dartsl.lang.syntax.paths import exists

RunLike = str | os.PathLike[str]
SpecLike = RunLike | Source | Spec
Parameters = Mapping[str, Fraction | int | float]
Plugins = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Diagnosis:
    """All that was found wrong with a spec, which is called `name`, errors and warnings, and what was counted."""

    name: str
    diagnostics: tuple[Diagnostic, ...]
    size: Size = field(default_factory=Size)


def shipped_specs() -> dict[str, str]:
    """The names of the specs that come with dartsl, each with a sentence about it."""
    from dartsl.lang.syntax import resources

    return {name: _first_comment(path) for name, path in resources.shipped_specs().items()}


def source_of(spec: SpecLike) -> Source:
    """The text of a path, a shipped spec's name, or a Spec. Raises UserError, SpecError."""
    from dartsl.lang.syntax.loader import read

    if isinstance(spec, Spec):
        return spec.root.source
    if isinstance(spec, Source):
        return spec
    if not isinstance(spec, str | os.PathLike):
        what = "a path, the name of a shipped spec, a dartsl.Source, a Spec, or a run"
        raise UserError(f"a value of the type {type(spec).__name__} is no spec", f"give {what}", exit_code=2)
    return read(os.fspath(spec))


def path_of(run: RunLike) -> Path:
    """The folder of a run. Raises UserError for what is no path."""
    if not isinstance(run, str | os.PathLike):
        raise UserError(
            f"a value of the type {type(run).__name__} is no run",
            "give a dartsl.Run, or the path of its folder",
            exit_code=2,
        )
    return Path(run)


def parse(spec: SpecLike) -> File:
    """The syntax tree of one file; imports are not followed. Raises SpecError, UserError."""
    from dartsl.lang.syntax import parser

    return parser.parse(source_of(spec))


def fmt(spec: SpecLike, *, upgrade: bool = False) -> str:
    """A spec's text as the language is written, comments included.

    With `upgrade` in the latest version of the language, with the same meaning. Raises SpecError, then also where that
    version refuses what the spec's own allows, and UserError.
    """
    from dartsl.api.arguments import require
    from dartsl.lang.syntax.printer import print_file
    from dartsl.lang.upgrade import upgraded

    require(upgrade=upgrade)
    return upgraded(source_of(spec)) if upgrade else print_file(parse(spec), as_read=True)


def fix(spec: SpecLike) -> str:
    """A spec's text with the faults mended that can have been meant in one way only, such as a missing import of what
    comes with dartsl; what is left is for `check`. Raises SpecError where it is not UTF-8, UserError."""
    from dartsl.lang.fixes import mended

    return mended(source_of(spec)).source.text


def check(spec: SpecLike) -> Spec:
    """A spec whose names, graph, shapes and settings are sound; warnings stand in `.warnings`.

    Raises SpecError with all that is wrong, UserError where there is no such file.
    """
    from dartsl.lang import checker

    return spec if isinstance(spec, Spec) else checker.check(source_of(within_run(spec)))


def diagnose(spec: SpecLike, *, plugins: Plugins = ()) -> Diagnosis:
    """As `check`, with what is wrong as the result. `plugins` are tried too, where the spec is sound.

    Raises UserError where there is no such file, or a plugin fails when it is run.
    """
    from dartsl.lang import checker

    try:
        source = source_of(within_run(spec))
    except SpecError as fault:
        return Diagnosis(str(spec), tuple(fault.diagnostics))
    found = checker.diagnose(source)
    faults = found.diagnostics
    if plugins and found.spec is not None:
        from dartsl.nn.plugins import faults as faults_of_plugins

        faults = (*faults, *faults_of_plugins(found.spec, plugins))
    return Diagnosis(source.name, faults, found.size)


def diff(first: SpecLike, second: SpecLike, *, isomorphic: bool = False) -> types.SpecDiff:
    """How the cells of two specs differ, by their edges; their order counts only where they are not summed.

    With `isomorphic` cells are the same, too, where renaming the nodes of one gives the other, and where their outputs
    concatenate the same nodes in another order.

    Raises SpecError, UserError.
    """
    from dartsl.api.arguments import require
    from dartsl.graph.diff import diff_specs

    require(isomorphic=isomorphic)
    return diff_specs(check(first), check(second), isomorphic)


def root_networks(spec: Spec) -> list[str]:
    """The networks that the root file declares; imported ones count only when named (language rule 12)."""
    return [name for name, network in spec.networks.items() if network.span.source == spec.root.source]


def names_a_run(name: RunLike) -> bool:
    """Whether a name means a folder; a shipped spec of that name goes before a folder that is not a run."""
    from dartsl.lang.syntax import resources
    from dartsl.run.layout import RUN

    path = Path(name)
    return (
        exists(path) and path.is_dir() and (exists(path / RUN) or str(name) not in resources.shipped_specs())
    )


def names_seeds(path: Path) -> bool:
    """Whether a folder holds the runs of several seeds, and is none itself."""
    from dartsl.run.layout import RUN

    return not exists(path / RUN) and exists(path / "seed0" / RUN)


def within_run(spec: SpecLike) -> SpecLike:
    """The found.darts of a run's folder, or its spec.darts where nothing is found yet; any other spec as it is.

    Raises UserError where the run is damaged.
    """
    if not isinstance(spec, str | os.PathLike) or not os.path.exists(os.path.join(spec, "run.json")):
        return spec
    from dartsl.run.folder import RunFolder

    folder = RunFolder.open(Path(spec))
    return folder.found if folder.found.exists() else folder.spec


def _first_comment(path: Path) -> str:
    """The first sentence of a spec's first comment."""
    words: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.strip().removeprefix("#").strip()
        if not line.strip().startswith("#") or not text:
            if words:
                break
            continue
        words.append(text)
    sentence, stop, _ = " ".join(words).partition(". ")
    return sentence + (stop and ".")
