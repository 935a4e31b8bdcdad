"""Perplexity. No torch."""

from __future__ import annotations

import math

MOST = 700.0  # exp of more is not a float; such a loss says all there is to say


def perplexity(loss: float) -> float:
    """Of a mean loss in nats."""
    return math.exp(min(loss, MOST))
