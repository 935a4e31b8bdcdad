"""A toy relaxation with a parameter for each edge: the softmax of its alphas, times the sigmoid of the edge's gate."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dartsl.graph.tables import AlphaTable
from dartsl.lang.settings.methods import NAMES, register
from dartsl.nn.passing import Pass
from dartsl.nn.relaxations import RELAXATIONS, Architecture, Relaxation, small_alphas
from dartsl.searching.readouts import READOUTS, Reading, Readout, Recorded, softmax_rows

NAME = "gated"


def start(table: AlphaTable, seed: int) -> dict[str, Tensor]:
    return {**small_alphas(table, seed), "gates": torch.zeros(len(table.sizes))}


def weights(architecture: Architecture, pass_: Pass) -> Tensor:
    open_ = torch.sigmoid(architecture.parameters["gates"])  # (rows,)
    return torch.softmax(architecture.alphas, dim=-1) * open_[:, None]  # (rows, columns)


def read(table: AlphaTable, recorded: Recorded) -> Reading:
    gates = [1 / (1 + math.exp(-gate)) for gate in recorded["gates"]]
    if len(gates) != len(table.sizes):
        raise ValueError("a gate for each row")
    return Reading(softmax_rows(recorded["alphas"]), tuple(gates))


def add() -> None:
    register("relaxation", NAME, "the softmax of each row, times the gate of its edge")
    RELAXATIONS.provide(NAME, Relaxation(start, weights))
    READOUTS.provide(NAME, Readout(read, even=lambda candidates: 1 / candidates))


def remove() -> None:
    del NAMES["relaxation"][NAME], RELAXATIONS.found[NAME], READOUTS.found[NAME]
