"""What of a run is known from the start to stand against CUDA graphs of its steps (`dartsl.step.graphs`)."""

from __future__ import annotations

from dartsl.nn.supernet import Supernet
from dartsl.run.parallel import Group


def obstacles(model: Supernet, group: Group, own_code: bool) -> dict[str, bool]:
    """Reasons, and whether each holds: what a replay would pass over, or could not do."""
    return {
        "several processes share each batch, and send messages within a step": group.world > 1,
        "the network has plugins, whose code may do anything": bool(model.plugins),
        "each edge runs the one operation that is drawn for it, another one in each step": model.relaxation.single,
        "what the relaxation draws follows from the alphas of the step": not model.relaxation.ahead,
        "the loss or metrics are code of your own, which may do anything": own_code,
    }
