"""The weights of a trained run: those that `dartsl eval` measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dartsl.lang.diagnostics import UserError
from dartsl.nn.supernet import Supernet
from dartsl.run import checkpoint
from dartsl.run.folder import RunFolder
from dartsl.run.schema import whole

AUXILIARY = "network.auxiliary."  # tensors of the head that only training uses


def load_trained(model: Supernet, folder: RunFolder) -> int:
    """Give a model the weights of a training's checkpoint: the averaged ones where the run averages.

    The auxiliary head is left out. Returns how many epochs the weights were trained for. Raises UserError where the
    checkpoint is not one of this network.
    """
    state = checkpoint.load(folder.checkpoint, folder.info.identity)
    try:
        tensors: Mapping[str, Any] = {**state["model"], **state.get("average", {})}
        kept = {name: value for name, value in tensors.items() if not name.startswith(AUXILIARY)}
        whole()(state["epoch"], "epoch")
        model.load_state_dict(kept)
        return int(state["epoch"])
    except (KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        raise UserError(f"{folder.checkpoint} does not fit the run it lies in") from error
