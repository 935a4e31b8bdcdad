"""Settings of a search that do not go with its network, or with one another: refused, with the reason."""

from __future__ import annotations

from dartsl.lang.check.together import require_together
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.supernet import Supernet
from dartsl.searching.choices import nothing_to_search
from dartsl.searching.cost import require_target


def require_usable(model: Supernet, config: SearchConfig) -> None:
    """Raises UserError for what would only fail, or mean nothing, after the first step."""
    if not model.alpha_parameters():
        raise nothing_to_search(model.plan.network.name)
    if not model.weights():
        raise UserError(f"network `{model.plan.network.name}` has no weights to train")
    require_together(config)  # again: a search that goes on may have other epochs
    require_target(config, model.plan)
