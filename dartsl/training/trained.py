"""A trained run's network, ready for new images or text: no data set is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import TrainConfig
from dartsl.nn.ambient import undisturbed
from dartsl.nn.blame import blamed
from dartsl.nn.build import Build
from dartsl.nn.supernet import Supernet, from_plan
from dartsl.run.devices import AUTO, chosen
from dartsl.run.folder import RunFolder
from dartsl.run.inputs import Inputs, require_fitting
from dartsl.run.layout import RUN
from dartsl.run.resuming import AS_IT_WAS, Anew, reopened
from dartsl.run.weights import Which
from dartsl.training.evaluation import autocast
from dartsl.training.loop import decided_plan, require_training
from dartsl.training.weights import load_trained


@dataclass(frozen=True)
class Trained:
    """A network in evaluation mode, on its device, with the weights that `dartsl eval` measures.

    `inputs` are what it was trained on; the weights are those after `epochs` of `config.epochs` epochs.
    """

    folder: RunFolder
    config: TrainConfig
    model: Supernet
    inputs: Inputs
    epochs: int

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """What `dartsl eval` computes in; a plugin that fails within it is named."""
        with blamed(self.model.plugins), autocast(self.config):
            yield


@undisturbed()
def trained(path: Path, anew: Anew = AS_IT_WAS, which: Which = "evaluated") -> Trained:
    """The network of a training's run as of its last checkpoint, on a GPU where there is one, unless `anew` names a
    device. `which` weights are those of `dartsl.run.weights`.

    Raises UserError.
    """
    folder = RunFolder.open(path)
    anew = replace(anew, device=chosen(anew.device or AUTO))
    require_training(folder)
    job, config = reopened(folder, TrainConfig(), anew)
    planned = decided_plan(job)
    inputs = folder.info.inputs
    if inputs is None:
        raise UserError(
            f"{path} was made by an older version of dartsl, which kept no normalisation and no names of classes",
            help=f"`dartsl train --resume {path}` adds them, where the run's data still are",
        )
    require_fitting(inputs, planned, path / RUN)
    build = replace(Build.of(config), memory="normal", drop_path=False, auxiliary=False)
    model = from_plan(job.spec, planned, build, job.plugins)
    epochs = load_trained(model, folder, which)
    return Trained(folder, config, model.eval(), inputs, epochs)
