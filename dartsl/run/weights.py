"""The weights that a run has saved: those of its last step, and their average where the run averages them."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run import checkpoint
from dartsl.run.folder import RunFolder
from dartsl.run.schema import MisfitError, record, table, whole
from dartsl.run.state import any_tensor

Which = Literal["evaluated", "last", "average"]
Weights = dict[str, Tensor]
_STATE = record({"epoch": whole(), "model": table(any_tensor)}, {"average": table(any_tensor)})


def weights_of(folder: RunFolder, which: Which = "evaluated") -> tuple[Weights, int]:
    """The tensors of a run's checkpoint by name, on the CPU, and how many epochs are done.

    which  "last": after the last step; "average": averaged, and of what is never averaged the last; "evaluated": the
           averaged ones where the run averages

    Raises UserError where there is no checkpoint, it is damaged, or there is no average.
    """
    state = checkpoint.load(folder.checkpoint, folder.info.identity)
    try:
        _STATE(state, "state")
    except MisfitError as place:
        raise UserError(
            f"{folder.checkpoint} does not fit the run it lies in: `{place}` is missing or not what it was"
        ) from None
    average = state.get("average", {})
    if which == "average" and not average:
        raise UserError(
            f"{folder.path} has no averaged weights",
            help='a training has them with `ema`, and one on text since its ASGD began: "last" has all runs',
        )
    tensors = {**state["model"], **({} if which == "last" else average)}
    return tensors, state["epoch"]
