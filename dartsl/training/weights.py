"""The weights of a trained run: those that `dartsl eval` measures, unless others are asked for."""

from __future__ import annotations

from dartsl.lang.codes.diagnostics import UserError
from dartsl.nn.supernet import Supernet
from dartsl.run.folder import RunFolder
from dartsl.run.weights import Which, weights_of

AUXILIARY = "network.auxiliary."  # tensors of the head that only training uses


def load_trained(model: Supernet, folder: RunFolder, which: Which = "evaluated") -> int:
    """Give a model the weights of a training's checkpoint: the averaged ones where the run averages.

    The auxiliary head is left out. Returns how many epochs the weights were trained for. Raises UserError where the
    checkpoint is not one of this network.
    """
    tensors, epochs = weights_of(folder, which)
    try:
        model.load_state_dict(
            {name: value for name, value in tensors.items() if not name.startswith(AUXILIARY)}
        )
    except RuntimeError as error:
        raise UserError(f"{folder.checkpoint} does not fit the run it lies in") from error
    return epochs
