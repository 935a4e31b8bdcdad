"""A toy relaxation with a parameter for each edge, as in PC-DARTS: the softmax of its alphas, times that of the edges.

The weights of the edges into a node add up to 1.
"""

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
    betas, targets = architecture.parameters["betas"], architecture.table.targets
    others = torch.tensor([[one != other for other in targets] for one in targets])
    rivals = betas.expand(len(targets), -1).masked_fill(others, -torch.inf)  # (rows, rows)
    edges = torch.softmax(rivals, dim=-1).diagonal()  # (rows,)
    return torch.softmax(architecture.alphas, dim=-1) * edges[:, None]  # (rows, columns)


def read(table: AlphaTable, recorded: Recorded) -> Reading:
    powers = [math.exp(beta) for beta in recorded["betas"]]
    sums = {
        node: sum(power for power, target in zip(powers, table.targets, strict=True) if target == node)
        for node in table.targets
    }
    edges = tuple(power / sums[target] for power, target in zip(powers, table.targets, strict=True))
    return Reading(softmax_rows(recorded["alphas"]), edges)


def add() -> None:
    register("relaxation", NAME, "the softmax of each row, times a weight of its edge")
    RELAXATIONS.provide(NAME, Relaxation(start, weights))
    READOUTS.provide(NAME, Readout(read, even=lambda candidates: 1 / candidates))


def remove() -> None:
    del NAMES["relaxation"][NAME], RELAXATIONS.found[NAME], READOUTS.found[NAME]
