"""A trained run, brought back to be evaluated or taken out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dartsl.lang.codes.diagnostics import UserError
from dartsl.nn.ambient import undisturbed
from dartsl.nn.blame import blamed
from dartsl.run.devices import AUTO, chosen
from dartsl.run.folder import RunFolder
from dartsl.run.given import sets_of
from dartsl.run.loop import load, own_generators
from dartsl.run.resuming import AS_IT_WAS, Anew
from dartsl.training.loop import reopened_session
from dartsl.training.measured import Tested
from dartsl.training.other import tested_on
from dartsl.training.trained import trained


@dataclass(frozen=True)
class Evaluated:
    """The test figures of a run, and how many epochs its weights were trained for.

    data   the name of what was measured on
    other  of other data than the run's own, how they were read, in a sentence; None: they are the run's own
    """

    epochs: int
    test: Tested
    data: str
    other: str | None = None

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {"epochs": self.epochs, "data": self.data, "other": self.other, **self.test.record()}


@undisturbed()
def evaluate(path: Path, anew: Anew = AS_IT_WAS, data: str | None = None) -> Evaluated:
    """The test figures of a run's last checkpoint, on a GPU where there is one, unless `anew` names a device.

    `data` names other data than the run's own; data that are given are other ones, unless they are three sets of the
    names that the run was started with.

    Raises UserError where there is no checkpoint, or no test image.
    """
    folder = RunFolder.open(path)
    anew = replace(anew, device=chosen(anew.device or AUTO))
    if data is not None or _gives_others(folder, anew):
        run = trained(path, anew)
        found = tested_on(run, data or "", anew.given)
        return Evaluated(run.epochs, found.test, found.name, found.said)
    # Read as it is: a checkpoint is whole while a training goes on, too.
    session = reopened_session(folder, anew)
    with own_generators(session.config.device), blamed(session.model.plugins):
        load(session, folder)
        test = session.test()
    if test is None:
        raise UserError(f"{session.name} has no test {session.model.plan.input.kind}")
    return Evaluated(session.epoch, test, session.name)


def _gives_others(folder: RunFolder, anew: Anew) -> bool:
    data = anew.given.data
    if data is None:
        return False
    return len(sets_of(data)) < 3 or folder.info.given.get("data") != anew.given.names()["data"]
