"""A toy relaxation: the sigmoid of each alpha by itself. All that there is to say of it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dartsl.graph.tables import AlphaTable
from dartsl.lang.methods import NAMES, register
from dartsl.nn.passing import Pass
from dartsl.nn.relaxations import RELAXATIONS, Architecture, Relaxation, small_alphas
from dartsl.searching.readouts import READOUTS, Reading, Readout, Recorded

NAME = "sigmoid"


def weights(architecture: Architecture, pass_: Pass) -> Tensor:
    return torch.sigmoid(architecture.alphas)  # (rows, columns)


def read(table: AlphaTable, recorded: Recorded) -> Reading:
    return Reading([[1 / (1 + math.exp(-alpha)) for alpha in row] for row in recorded["alphas"]])


def add() -> None:
    register("relaxation", NAME, "the sigmoid of each alpha")
    RELAXATIONS.provide(NAME, Relaxation(small_alphas, weights))
    READOUTS.provide(NAME, Readout(read, even=lambda candidates: 0.5))


def remove() -> None:
    del NAMES["relaxation"][NAME], RELAXATIONS.found[NAME], READOUTS.found[NAME]
