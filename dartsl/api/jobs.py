"""From what a user gives to what is run: a `Job`, and settings that are complete. No torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from dartsl.api import types
from dartsl.api.arguments import exact, require
from dartsl.api.settings import LossName
from dartsl.api.specs import Parameters, Plugins, RunLike, SpecLike, check, names_a_run, path_of, source_of
from dartsl.lang.check.model import Network, Spec
from dartsl.lang.check.network_faults import require_parameters
from dartsl.lang.check.together import require_together, too_early
from dartsl.lang.checker import pick_network
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.layer_choices import laid_out
from dartsl.lang.records.inputs import Input
from dartsl.lang.settings.methods import COST
from dartsl.lang.settings.recipes import not_taken_over
from dartsl.lang.settings.values import COLUMNS, Config, SearchConfig, TrainConfig, names_table, usable
from dartsl.lang.settings.values import search_config as of_search
from dartsl.lang.settings.values import train_config as of_training
from dartsl.nn.plugin_files import Files
from dartsl.run.callbacks import SILENT, Callbacks
from dartsl.run.commands import command_line
from dartsl.run.given import NOTHING, Given
from dartsl.run.init import Init
from dartsl.run.job import Job
from dartsl.run.notes import log_warnings

OF_DATA = ("data", *COLUMNS, "level")  # what settings say of data


@dataclass(frozen=True)
class Trainable:
    """What can be trained: a spec, or what the run of a search has found.

    plugins    of the run that it lies in
    inherited  the settings that say what it was searched on, where the run itself was named
    searched   the settings of its search, all of them or those of the spec
    """

    spec: Spec
    plugins: Files = ()
    inherited: Mapping[str, Any] = field(default_factory=dict)
    searched: Mapping[str, Any] = field(default_factory=dict)


def job_of(
    spec: Spec,
    network: str | None,
    parameters: Parameters | None,
    plugins: Files = (),
    out: str | Path | None = None,
    command: str = "",
    console: types.Console | None = None,
    given: Given = NOTHING,
    asked: Collection[str] = (),
    callbacks: Callbacks = SILENT,
) -> Job:
    """A job of one of a spec's networks. Raises UserError, SpecError where there is no such network or parameter."""
    require(network=network, plugins=plugins, out=out, command=command)
    values = exact(parameters)
    picked = pick_network(spec, network)
    require_parameters(picked, values)
    spec, _ = laid_out(spec, picked, values)
    folder = None if out is None else Path(out)
    return Job(spec, network, values, plugins, folder, command, console, given, tuple(asked), callbacks)


def console_of(console: types.Console | None, quiet: bool) -> types.Console | None:
    """Where progress goes; None: standard output. Raises UserError for what is no Console."""
    from rich.console import Console

    require(quiet=quiet)
    if console is not None and not isinstance(console, Console):
        what = f"a value of the type {type(console).__name__} is no console"
        raise UserError(what, "give a rich.console.Console: Console(file=...) writes to a file", exit_code=2)
    return Console(quiet=True) if quiet else console


def of_run(
    spec: SpecLike, network: str | None, parameters: Parameters | None
) -> tuple[str | None, Parameters | None]:
    """The network that is named and its parameters; of a run its own are their defaults. Raises UserError."""
    from dartsl.run.folder import RunFolder

    if not isinstance(spec, str | os.PathLike) or not names_a_run(spec):
        return network, parameters
    info = RunFolder.open(Path(spec)).info
    if network not in (None, info.network):
        return network, parameters
    own = {name: Fraction(value) for name, value in info.parameters.items()}
    return info.network, {**own, **(parameters or {})}


def init_of(path: RunLike | None, alphas: bool = False) -> Init | None:
    """Whose weights a run begins with, by a path that still names it from another folder; in a search perhaps with the
    alphas. Raises UserError for alphas of nobody."""
    if path is None and alphas:
        raise UserError(
            "alphas are taken over from a search, and none is named", "give init with it", exit_code=2
        )
    return None if path is None else Init(str(path_of(path).resolve()), alphas=alphas)


def given_of(
    data: str | Path | types.Data | None,
    settings: Mapping[str, Any],
    loss: types.Loss | LossName | None = None,
    metrics: Mapping[str, types.Metric] | None = None,
) -> tuple[Given, Mapping[str, Any]]:
    """What is given from Python, and the settings, in which named data and a named loss have their place."""
    if isinstance(loss, str):  # a setting, as `data` may be
        loss, settings = None, {**settings, "loss": loss}
    if data is None:
        return Given(None, loss, metrics or {}), settings
    if isinstance(data, str | Path):
        return Given(None, loss, metrics or {}), {**settings, "data": str(data)}
    return Given(data, loss, metrics or {}), {**settings, "data": ""}


def located(job: Job, config: Config) -> Config:
    """The settings, where the files that they name are there: asked before torch is imported and anything is built.

    Raises UserError, of a search for a network without a choice, too.
    """
    from dartsl.data.named import locate
    from dartsl.searching.choices import nothing_to_search
    from dartsl.searching.prices import is_file, pricing

    if isinstance(config, SearchConfig) and job.spec.decided(job.picked()):
        raise nothing_to_search(job.picked().name)
    if job.given.data is not None:
        _require_no_columns(config)
    if isinstance(config, SearchConfig) and COST in config.penalty and is_file(config.cost):
        pricing(config.cost)(job.plan())
    # A training without any is not refused yet: a network that leaves choices open cannot be trained on any.
    if config.data or (isinstance(config, SearchConfig) and job.given.data is None):
        locate(config.data, job.picked().takes)
    return config


def _require_no_columns(config: Config) -> None:
    """Raises UserError (exit code 2) for settings about a table where data sets are given."""
    for name in COLUMNS:
        if getattr(config, name):
            raise UserError(
                f"{name} names columns of a table, and data sets are given",
                f"name a .csv file by `data`, or leave {name} out",
                exit_code=2,
            )


def beside(spec: Spec, plugins: Plugins) -> Files:
    """The plugins that are given; else those of the run in whose folder the spec lies."""
    from dartsl.run.beside import plugins_beside

    require(plugins=plugins)
    return plugins or plugins_beside(spec.root.source)


def trainable(spec: SpecLike | Trainable) -> Trainable:
    """What is to be trained of a spec, or of the run of a search. Raises SpecError, UserError."""
    from dartsl.run.beside import plugins_beside
    from dartsl.run.folder import RunFolder
    from dartsl.run.kinds import SEARCH

    if isinstance(spec, Trainable):
        return spec
    if not isinstance(spec, str | os.PathLike):
        checked = check(spec)
        return Trainable(checked, searched=checked.search)
    if not names_a_run(spec):
        source = source_of(spec)
        checked = check(source)
        log_warnings(checked.warnings)
        return Trainable(checked, plugins_beside(source), searched=checked.search)
    folder = RunFolder.open(Path(spec))
    folder.require(SEARCH, f"go on with it: {folder.kind.go_on(folder.path)}")
    if not folder.found.exists():
        raise UserError(
            f"{folder.path} has found nothing yet",
            help=f"let it end first: {command_line('dartsl', 'search', '--resume', folder.path)}",
        )
    settings = folder.info.settings
    inherited: dict[str, Any] = {name: settings[name] for name in (*OF_DATA, "loss") if name in settings}
    checked = check(folder.found)
    # A recipe for the data of the spec's own search is one for those of this search, which may have been others.
    if settings.get("data") and checked.train.get("data") == check(folder.spec).search.get("data"):
        recipe = {name: value for name, value in checked.train.items() if name not in OF_DATA}
        checked = replace(checked, train=recipe)
    return Trainable(checked, folder.plugins, inherited, settings)


def search_config(spec: Spec, settings: Mapping[str, Any], network: str | None = None) -> SearchConfig:
    """`settings` over the spec's own over the defaults for its network. Raises UserError for one that is
    unknown or bad, or of another kind of network, and for some that do not go together."""
    picked = pick_network(spec, network)
    require_loss(picked, settings, spec.search)
    config = settled(of_search, picked.takes, settings, spec.search)
    require_together(config)
    return _with_costs(config, spec, "cost" in settings)


def _with_costs(config: SearchConfig, spec: Spec, asked: bool) -> SearchConfig:
    """The settings with the whole path of the file that `cost` names: one of the spec starts from it, not from here."""
    from dartsl.searching.prices import is_file

    if not is_file(config.cost):
        return config
    lies = None if asked or spec.root.source.path is None else spec.root.source.path.parent
    return replace(config, cost=str(((lies or Path()) / Path(config.cost).expanduser()).resolve()))


def train_config(
    spec: Spec,
    settings: Mapping[str, Any],
    network: str | None = None,
    inherited: Mapping[str, Any] | None = None,
) -> TrainConfig:
    """`settings` over the spec's own over those of a search's run over the defaults for its network.

    Raises UserError for a setting that is unknown or bad, or of another kind of network.
    """
    picked = pick_network(spec, network)
    takes = picked.takes
    before = usable(TrainConfig, takes, inherited or {})
    require_loss(picked, settings, {**before, **spec.train})
    config = settled(of_training, takes, settings, before, spec.train)
    require_together(config)
    return config


def of_recipe(job: Job, config: TrainConfig, found: Trainable) -> Job:
    """The job, with a note where the optimiser's settings are defaults and those of the search were not."""
    given = {*found.spec.train, *job.asked}
    return replace(job, notes=tuple(not_taken_over(config, job.picked().takes, found.searched, given)))


def require_loss(network: Network, settings: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Raises UserError (exit code 2) for a loss that is not the one that the spec, or the search, says, and for one
    that is unknown in the version in which the network is written: what is found keeps both."""
    source, asked = network.span.source, settings.get("loss")
    said = before.get("loss", asked)
    if asked is not None and said != asked:
        raise UserError(
            f"{source.name} says `loss = {said}`, and `{asked}` is asked for",
            "a search and the training of what it has found have one loss: change it in the spec",
            exit_code=2,
        )
    if (unknown := too_early(network, said)) is not None:
        raise unknown


def settled(
    complete: Callable[..., Config],
    takes: type[Input],
    settings: Mapping[str, Any],
    *layers: Mapping[str, Any],
) -> Config:
    """`settings` over `layers` over the defaults for a network that takes such an input, by `complete`, which is
    `dartsl.lang.settings.values.search_config` or `train_config`. What a layer says of the columns of a table does not
    count where a later one names data that are none.

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
    every = [*layers, settings]
    last = max((place for place, layer in enumerate(every) if _no_table(layer)), default=0)
    before = [{name: each for name, each in layer.items() if name not in COLUMNS} for layer in every[:last]]
    return complete(takes, *before, *every[last:])


def _no_table(layer: Mapping[str, Any]) -> bool:
    return "data" in layer and not names_table(str(layer["data"]))
