"""The supernet of a search, with the weights and alphas of its last checkpoint: no data set is needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.ambient import undisturbed
from dartsl.nn.passing import Pass, Scheduled
from dartsl.nn.supernet import Supernet
from dartsl.run.devices import AUTO, chosen
from dartsl.run.folder import RunFolder
from dartsl.run.kinds import SEARCH
from dartsl.run.resuming import AS_IT_WAS, Anew, reopened
from dartsl.run.weights import Which, weights_of
from dartsl.searching.method import Constant, Method
from dartsl.searching.spans import settings_of
from dartsl.searching.stages import Course, saved_model


@undisturbed()
def searched(path: Path, anew: Anew = AS_IT_WAS, which: Which = "evaluated") -> Supernet:
    """The supernet, in evaluation mode, on a GPU where there is one, unless `anew` names a device.

    What is scheduled is as it was in the last epoch that is over, but for a perturbation, which evaluation has not.
    Raises UserError.
    """
    folder = RunFolder.open(path)
    folder.require(SEARCH)
    job, config = reopened(folder, SearchConfig(), replace(anew, device=chosen(anew.device or AUTO)))
    course = Course(job, config)
    model, number = saved_model(course, folder, memory="normal")
    try:
        weights, epochs = weights_of(folder, which)
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(f"{folder.checkpoint} does not fit the run it lies in") from error
    span = course.spans[number]
    method = Method.of(settings_of(config, span), Constant(config.lr), span)
    scheduled = Scheduled(**method.numbers(span.moment(min(max(epochs - 1, span.first), span.end - 1))))
    model.usual = Pass(scheduled=scheduled.calm)
    return model.eval()
