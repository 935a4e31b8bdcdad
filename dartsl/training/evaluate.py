"""A trained run, brought back to be evaluated or taken out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from dartsl.lang.diagnostics import UserError
from dartsl.nn.ambient import undisturbed
from dartsl.nn.blame import blamed
from dartsl.run.devices import AUTO, chosen
from dartsl.run.folder import RunFolder
from dartsl.run.loop import load, own_generators
from dartsl.run.resuming import AS_IT_WAS, Anew
from dartsl.training.loop import reopened_session
from dartsl.training.measured import Tested


@dataclass(frozen=True)
class Evaluated:
    """The test figures of a run, and how many epochs its weights were trained for."""

    epochs: int
    test: Tested


@undisturbed()
def evaluate(path: Path, anew: Anew = AS_IT_WAS) -> Evaluated:
    """The test figures of a run's last checkpoint, on a GPU where there is one, unless `anew` names a device.

    Raises UserError where there is no checkpoint, or no test image.
    """
    folder = RunFolder.open(path)
    anew = replace(anew, device=chosen(anew.device or AUTO))
    # Read as it is: a checkpoint is whole while a training goes on, too.
    session = reopened_session(folder, anew)
    with own_generators(session.config.device), blamed(session.model.plugins):
        load(session, folder)
        test = session.test()
    if test is None:
        raise UserError(f"{session.name} has no test images")
    return Evaluated(session.epoch, test)
