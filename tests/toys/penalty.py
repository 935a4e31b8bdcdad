"""A toy penalty: the mean square of all mixing weights, which rises as they part. All that there is to say of it."""

from __future__ import annotations

import torch
from torch import Tensor

from dartsl.lang.settings.methods import NAMES, register
from dartsl.lang.settings.values import SearchConfig
from dartsl.searching.terms import TERMS, Moment, Relaxed, Term

NAME = "mean_square"
FACTOR = 2.0


def value(model: Relaxed, moment: Moment) -> Tensor:
    """FACTOR * (epochs that are over, of all) * the mean square, ()."""
    weights = torch.cat([table.flatten() for table in model.mixing_weights().values()])
    return FACTOR * moment.epoch / moment.epochs * weights.square().mean()


def of(config: SearchConfig) -> Term:
    return value


def add() -> None:
    register("penalty", NAME, "the mean square of the mixing weights")
    TERMS.provide(NAME, of)


def remove() -> None:
    del NAMES["penalty"][NAME], TERMS.found[NAME]
