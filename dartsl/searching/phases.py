"""Which phase follows a search, as its settings say."""

from __future__ import annotations

from dartsl.lang.settings.methods import PERTURBATION, SAMPLED
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.supernet import Supernet
from dartsl.searching.phase import Phase
from dartsl.searching.projection import Projection
from dartsl.searching.selection import Selection


def phase_of(model: Supernet, config: SearchConfig, batches: int) -> Phase:
    """The phase after a search whose validation part has so many batches.

    Raises UserError for cells whose edges cannot be decided by themselves.
    """
    if config.derive == PERTURBATION:
        return Projection(model, config.projection_interval)
    if config.derive == SAMPLED:
        return Selection(model, config.seed, config.samples, config.sample_batches, batches)
    return Phase()
