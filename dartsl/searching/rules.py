"""The rules by which cells are made of mixing weights: the setting `derive` and what belongs to it. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dartsl.lang.settings.values import SearchConfig

CONNECTED, ARGMAX, THRESHOLD = "connected", "argmax", "threshold"
_DEFAULTS = SearchConfig()


@dataclass(frozen=True)
class Rule:
    """How cells are derived.

    name        connected, argmax or threshold; perturbation (`projection.py`) or sampled (`selection.py`), which are
                argmax once all is decided
    threshold   the weight below which the rule `threshold` keeps no edge into a `sum`
    skip_limit  the most skip connections of a derived cell (`skips.py`); -1 for no limit
    """

    name: str = CONNECTED
    threshold: float = _DEFAULTS.threshold
    skip_limit: int = _DEFAULTS.skip_limit

    @classmethod
    def of(cls, settings: Mapping[str, Any], name: str | None = None) -> Rule:
        """That of a run with these settings (runs of old lack some), perhaps by another name."""
        return cls(
            name or str(settings.get("derive", CONNECTED)),
            float(settings.get("threshold", _DEFAULTS.threshold)),
            int(settings.get("skip_limit", _DEFAULTS.skip_limit)),
        )

    @property
    def floor(self) -> float:
        """What an edge must weigh to stay."""
        return self.threshold if self.name == THRESHOLD else 0.0


DEFAULT_RULE = Rule()
