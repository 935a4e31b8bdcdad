"""A toy relaxation: the error function of each alpha by itself, brought to 0 .. 1. All that there is to say of it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dartsl.graph.tables import AlphaTable
from dartsl.lang.settings.methods import NAMES, register
from dartsl.nn.passing import Pass
from dartsl.nn.relaxations import RELAXATIONS, Architecture, Relaxation, small_alphas
from dartsl.searching.readouts import READOUTS, Reading, Readout, Recorded

NAME = "erf"


def weights(architecture: Architecture, pass_: Pass) -> Tensor:
    return 0.5 * (1 + torch.erf(architecture.alphas))  # (rows, columns)


def read(table: AlphaTable, recorded: Recorded) -> Reading:
    return Reading([[(1 + math.erf(alpha)) / 2 for alpha in row] for row in recorded["alphas"]])


def add() -> None:
    register("relaxation", NAME, "the error function of each alpha")
    RELAXATIONS.provide(NAME, Relaxation(small_alphas, weights))
    READOUTS.provide(NAME, Readout(read, even=lambda candidates: 0.5))


def remove() -> None:
    del NAMES["relaxation"][NAME], RELAXATIONS.found[NAME], READOUTS.found[NAME]
