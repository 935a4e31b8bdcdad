"""How a run goes on: what a user may give anew, and what must be as it was."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial

from rich.console import Console

from dartsl.lang.checker import check, pick_network
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.layer_choices import laid_out
from dartsl.lang.settings.values import Config, configure
from dartsl.lang.syntax.loader import read
from dartsl.lang.syntax.paths import printable
from dartsl.nn.plugin_files import Named
from dartsl.run.callbacks import SILENT, Callbacks
from dartsl.run.folder import RunFolder, spec_hash
from dartsl.run.given import NOTHING, Given
from dartsl.run.inputs import Inputs
from dartsl.run.job import Job
from dartsl.run.loop import Session
from dartsl.run.notes import say
from dartsl.run.parallel import ALONE, Group
from dartsl.run.records import RunInfo
from dartsl.run.starting import surroundings


@dataclass(frozen=True)
class Anew:
    """What a user gives anew for a run that goes on.

    device   in place of the run's own
    plugins  those of the run, named again: needed where it was not made in its folder by this user
    epochs   in place of the run's own: it is prolonged, or ends sooner
    given    data, loss and metrics of a run that had them from Python
    callbacks  who hears of each step and epoch, and may stop the run
    """

    device: str | None = None
    plugins: Named = ()
    epochs: int | None = None
    given: Given = NOTHING
    callbacks: Callbacks = SILENT

    def over(self, config: Config) -> Config:
        """The settings of a run with those given anew. Raises UserError for a value that is none of a setting."""
        for name, value in (("device", self.device), ("epochs", self.epochs)):
            try:
                config = config if value is None else configure(config, {name: value})
            except ValueError as fault:
                raise UserError(
                    f"`{value}` is not a value for the setting `{name}`", f"give {fault}", 2
                ) from None
        return config


AS_IT_WAS = Anew()


def reopened(folder: RunFolder, base: Config, anew: Anew) -> tuple[Job, Config]:
    """What a run was started for, and its settings: over `base`, the defaults; those given anew over both.

    Raises UserError where the spec is not the one that the run was started with, or run.json is damaged.
    """
    info = folder.info
    spec = check(read(str(folder.spec)))
    if spec_hash(spec.files) != info.spec_hash:
        raise UserError(
            f"{folder.spec} or a file it imports is not the one that the run was started with",
            help="a run can only go on with its own spec; start another one for a changed spec",
        )
    values = folder.values(pick_network(spec, info.network))
    spec, _ = laid_out(spec, pick_network(spec, info.network), values)
    plugins = partial(folder.plugins, anew.plugins)
    job = Job(
        spec,
        info.network,
        values,
        plugins,
        folder.path,
        info.command,
        given=anew.given,
        callbacks=anew.callbacks,
        init=info.init,
    )
    return job, anew.over(configure(base, info.settings))


def record(
    anew: Anew, folder: RunFolder, session: Session, needs_plugins: bool, console: Console, group: Group
) -> None:
    """Record what is given anew for a run whose session is restored, and say how it is prolonged.

    Raises UserError where more epochs are done than it is now to have.
    """
    info, place = folder.info, session.place
    before, begun = info.settings["epochs"], session.epoch + (place > 0)
    epochs = before if anew.epochs is None else int(anew.epochs)  # one of NumPy is no JSON
    if anew.epochs is not None and epochs < begun:
        done = f"{epochs_of(session.epoch)} {'is' if session.epoch == 1 else 'are'} done"
        more = ", and a part of the next one" if place else ""
        raise UserError(
            f"{folder.path} cannot end after {epochs_of(epochs)}: {done}{more}",
            f"give --epochs {begun} or more",
        )
    with group.together():
        if group.chief and needs_plugins and anew.plugins:
            folder.adopt(folder.plugins(anew.plugins))
        if group.chief and epochs != before:
            folder.prolong(epochs)
    if epochs != before:
        since = f"step {place + 1} of epoch {session.epoch + 1}" if place else f"epoch {session.epoch + 1}"
        line = f"{epochs_of(epochs)} in place of {before}: from {since} on, schedules are those of {epochs_of(epochs)}"
        say(line, console, logging.INFO)


def keep_inputs(folder: RunFolder, inputs: Inputs, group: Group) -> None:
    """Record what a run of format 1 did not: how its images are normalised. Raises UserError."""
    with group.together():
        if group.chief and folder.info.inputs is None:
            folder.rewrite(replace(folder.info, inputs=inputs))


def epochs_of(number: int) -> str:
    """In words: `1 epoch`, `2 epochs`."""
    return "1 epoch" if number == 1 else f"{number} epochs"


def tell_changes(info: RunInfo, console: Console, config: Config, group: Group = ALONE) -> None:
    """Say what has changed since a run was started, and may change its numbers; on a GPU kernels may, in any case."""
    changes = [
        f"{name} was {before}, is {now}"
        for name, now in surroundings(group, config.device).items()
        if (before := info.versions.get(name, now)) != now
    ]
    was, now = (
        name.partition(":")[0] for name in (str(info.settings.get("device", config.device)), config.device)
    )
    if was != now:
        changes.append(f"device was {was}, is {now}")
    if changes:
        line = f"goes on, but perhaps not bit for bit: {printable('; '.join(changes))}"
        say(line, console)
    elif now != "cpu" and not config.deterministic:
        say(
            "goes on, but not bit for bit: on a GPU that takes a run that was started with --deterministic",
            console,
        )
