"""A toy relaxation with a parameter for each edge: the softmax of its alphas, times the sigmoid of one number more."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dartsl.graph.tables import AlphaTable
from dartsl.lang.methods import NAMES, register
from dartsl.nn.passing import Pass
from dartsl.nn.relaxations import RELAXATIONS, Architecture, Relaxation, small_alphas
from dartsl.searching.readouts import READOUTS, Reading, Readout, Recorded, softmax_rows

NAME = "edge_weights"


def start(table: AlphaTable, seed: int) -> dict[str, Tensor]:
    return {**small_alphas(table, seed), "betas": torch.zeros(len(table.sizes))}


def weights(architecture: Architecture, pass_: Pass) -> Tensor:
    edges = torch.sigmoid(architecture.parameters["betas"])  # (rows,)
    return torch.softmax(architecture.alphas, dim=-1) * edges[:, None]  # (rows, columns)


def read(table: AlphaTable, recorded: Recorded) -> Reading:
    edges = tuple(1 / (1 + math.exp(-beta)) for beta in recorded["betas"])
    return Reading(softmax_rows(recorded["alphas"]), edges)


def add() -> None:
    register("relaxation", NAME, "the softmax of each row, times a weight of its edge")
    RELAXATIONS.provide(NAME, Relaxation(start, weights))
    READOUTS.provide(NAME, Readout(read, even=lambda candidates: 1 / candidates))


def remove() -> None:
    del NAMES["relaxation"][NAME], RELAXATIONS.found[NAME], READOUTS.found[NAME]
