"""What searches and trainings cost: multiply-adds for each image (or word) of the training data, estimated.

They say how many random architectures could be had for a search, and how far a sweep has come. How many images there
are plays no part in either, so that no data are read. Only what is computed by matrices and convolutions counts, a
backward pass twice its forward pass, no measurement on validation data, and of a search in stages the first network in
all of them. Methods that run one operation an edge are counted as if they ran all, in favour of random architectures.
"""

from __future__ import annotations

from collections.abc import Sequence

from dartsl.graph.budget import budget, counted
from dartsl.graph.build import build
from dartsl.graph.count import multiply_adds
from dartsl.graph.unused import running
from dartsl.lang.plan.terms import Plan
from dartsl.lang.records.inputs import Images
from dartsl.lang.settings.presets import PRESETS
from dartsl.lang.settings.search import SearchConfig
from dartsl.lang.settings.train import TrainConfig

BOTH = 3  # a forward pass, and a backward one, which is two of them
HIGHER = 3  # passes that second and exact order take besides those of first order


def search_cost(plan: Plan, config: SearchConfig) -> float:
    """Of a search of a network, planned with its part of the channels."""
    passes = PRESETS[config.method].passes + (0 if config.order == "1" else HIGHER)
    epochs = (config.epochs - config.warmup) * passes + config.warmup
    share = config.split if isinstance(plan.input, Images) else 1.0  # a text is read whole
    return BOTH * multiply_adds(running(build(plan))) * share * epochs


def train_cost(adds: float, config: TrainConfig, epochs: int | None = None) -> float:
    """Of the training of a network of so many multiply-adds, for the settings' epochs or others."""
    share = 1.0 if config.final else 1 - config.validation
    return BOTH * adds * share * (config.epochs if epochs is None else epochs)


def random_adds(plan: Plan) -> float:
    """The multiply-adds of a random architecture of a space, in the mean: each candidate, and each edge into a node
    that keeps some, as likely as another. Of a text those of all candidates, which share the matrix of their node."""
    if not isinstance(plan.input, Images):
        return multiply_adds(running(build(plan)))
    found = budget(plan, counted(plan, "multiply_adds"))
    return found.expected({each.table: _even(each.searched()) for each in found.cells})


def _even(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    return [[1 / len(row)] * len(row) for row in rows]
