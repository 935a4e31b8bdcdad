"""How a run goes on: what a user may give anew, and what must be as it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from rich.console import Console

from dartsl.lang.check import check
from dartsl.lang.diagnostics import UserError
from dartsl.lang.loader import read
from dartsl.lang.model import Spec
from dartsl.lang.settings import Config, configure
from dartsl.lang.source import Source
from dartsl.nn.plugin_files import Named
from dartsl.nn.supernet import Supernet
from dartsl.run.folder import RunFolder, spec_hash
from dartsl.run.parallel import ALONE, Group
from dartsl.run.records import RunInfo
from dartsl.run.starting import surroundings


@dataclass(frozen=True)
class Anew:
    """What a user gives anew for a run that goes on.

    device   in place of the run's own
    plugins  those of the run, named again: needed where it was not made in its folder by this user
    """

    device: str | None = None
    plugins: Named = ()


AS_IT_WAS = Anew()


def reopened(folder: RunFolder, base: Config, anew: Anew) -> tuple[Source, Spec, Config, dict[str, Fraction]]:
    """A run's spec, settings (over `base`, the defaults; those given anew over both) and parameters.

    Raises UserError where the spec is not the one that the run was started with, or run.json is damaged.
    """
    info = folder.info
    source = read(str(folder.spec))
    spec = check(source)
    if spec_hash(spec.files) != info.spec_hash:
        raise UserError(
            f"{folder.spec} or a file it imports is not the one that the run was started with",
            help="a run can only go on with its own spec; start another one for a changed spec",
        )
    try:
        config = configure(base, info.settings)
        parameters = {name: Fraction(value) for name, value in info.parameters.items()}
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise UserError(f"{folder.path / 'run.json'} is damaged: {error}") from None
    return source, spec, config if anew.device is None else replace(config, device=anew.device), parameters


def adopt(folder: RunFolder, model: Supernet, anew: Anew, group: Group) -> None:
    """Record that the user has named a run's plugins where it now lies. Raises UserError."""
    if group.chief and model.plugins and anew.plugins:
        folder.adopt(folder.plugins(anew.plugins))


def tell_changes(info: RunInfo, console: Console, group: Group = ALONE) -> None:
    """Say what has changed since a run was started, and may change its numbers."""
    changes = [
        f"{name} was {before}, is {now}"
        for name, now in surroundings(group).items()
        if (before := info.versions.get(name, now)) != now
    ]
    if changes:
        line = f"goes on, but perhaps not bit for bit: {'; '.join(changes)}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
