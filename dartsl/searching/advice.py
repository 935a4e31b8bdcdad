"""What may help where a search fails: a number is not finite, or memory is short. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.values import SearchConfig
from dartsl.run.advice import clipping, finite, narrower, one_of


def advice_of(config: SearchConfig, plan: Plan, usual_clip: float) -> Mapping[str, str]:
    """By what went wrong, `finite` or `memory`; `usual_clip` is that of such networks."""
    rates = "a lower lr or alphas_lr"
    wider = None if config.dtype == "float64" else "--dtype float64"
    return {
        "finite": finite([rates, clipping(config.clip, usual_clip), wider]),
        "memory": one_of(
            [
                None if config.memory == "low" else "--memory low",
                "a smaller --batch" if config.batch > 1 else None,
                narrower(plan),
                None if config.order == "1" else "--order 1",
            ]
        ),
    }
