"""Candidates with more channels (DrNAS, Chen et al., arXiv 2006.10355), module by module as the authors' net2wider.py
widens them: further channels are copies of others, of weights, statistics and momentum alike; nothing is scaled."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from .operations import DilConv, FactorizedReduce, Pool, SepConv

Rows = list[int]
Draw = Callable[
    [str, str, int], Rows
]  # by a module's name, "in" or "out", and its channels: those that are copied


def rows_of(name: str, op: nn.Module, draw: Draw) -> dict[str, tuple[Rows, Rows | None]]:
    """Of each module of an operation, by name: the channels of which it gives copies, and takes copies."""

    def drawn(part: str, side: str, had: int) -> Rows:
        return list(range(had)) + draw(f"{name}.{part}", side, had)

    def separable(suffix: str) -> dict[str, tuple[Rows, Rows | None]]:
        depth, point, bn = f"depth{suffix}", f"point{suffix}", f"bn{suffix}"
        width = getattr(op, depth).out_channels
        first, second = drawn(depth, "out", width), drawn(point, "out", width)
        return {depth: (first, None), point: (second, first), bn: (second, None)}

    if isinstance(op, SepConv):
        return {**separable("_a"), **separable("_b")}
    if isinstance(op, DilConv):
        return separable("")
    if isinstance(op, Pool):
        return {"bn": (drawn("bn", "out", op.bn.num_features), None)}
    if isinstance(op, FactorizedReduce):
        width, half = op.conv_a.in_channels, op.conv_a.out_channels
        a, b = drawn("conv_a", "out", half), drawn("conv_b", "out", half)
        return {
            "conv_a": (a, drawn("conv_a", "in", width)),
            "conv_b": (b, drawn("conv_b", "in", width)),
            "bn": ([*a, *(half + row for row in b)], None),
        }
    return {}


def widened(value: torch.Tensor, gives: Rows, takes: Rows | None) -> torch.Tensor:
    """A tensor of a module, one channel after the other."""
    if value.dim() == 0:
        return value.clone()
    value = torch.stack([value[row] for row in gives])
    return (
        value if takes is None or value.dim() == 1 else torch.stack([value[:, row] for row in takes], dim=1)
    )
