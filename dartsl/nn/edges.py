"""Edge weights (PC-DARTS, Xu et al., arXiv 1907.05737): a number for each edge, learnt with the alphas.

They go with every relaxation: an edge's mixing weights are multiplied by its share of its node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dartsl.graph.tables import BETAS, SHARE, SKIP, AlphaTable
from dartsl.nn.draws import stream_seed
from dartsl.nn.passing import PLAIN, Pass
from dartsl.nn.relaxations import ALPHA_SCALE, Architecture, Relaxation


def with_edge_weights(relaxation: Relaxation) -> Relaxation:
    """A relaxation whose mixing weights are multiplied by the shares of the edges."""
    weighted = _Weighted(relaxation)
    return replace(relaxation, start=weighted.start, weights=weighted.weights, expected=weighted.expected)


@dataclass(frozen=True)
class _Weighted:
    """Methods, and no closures, so that a network can be pickled."""

    relaxation: Relaxation

    def start(self, table: AlphaTable, seed: int) -> Mapping[str, Tensor]:
        """What the relaxation learns, and betas (rows,). Raises ValueError where it has a group of that name."""
        found = self.relaxation.start(table, seed)
        if BETAS in found:
            raise ValueError(
                f"the relaxation has parameters named {BETAS}, which are those of the edge weights"
            )
        return {**found, BETAS: small_betas(table, seed)}

    def weights(self, architecture: Architecture, pass_: Pass) -> Tensor:
        """The relaxation's mixing weights times the shares of the edges, (rows, columns)."""
        return self.relaxation.weights(architecture, pass_) * edge_shares(architecture)[:, None]

    def expected(self, architecture: Architecture) -> Tensor:
        """Those of each edge by itself, (rows, columns): penalties and costs are those of candidates, not of edges."""
        if self.relaxation.expected is not None:
            return self.relaxation.expected(architecture)
        return self.relaxation.weights(architecture, PLAIN)


def with_beside(weights: Tensor, architecture: Architecture, pass_: Pass) -> Tensor:
    """Mixing weights (rows, columns) and, in further columns, those of what the table has beside the candidates.

    A skip connection counts by the epoch's weight and, with edge weights, its edge's share; channels that pass by by
    that share alone.
    """
    beside = architecture.table.beside
    shares = (
        weights.new_ones(len(weights)) if architecture.rivals is None else edge_shares(architecture)
    )  # (rows,)
    found = {SKIP: pass_.scheduled.auxiliary_skip * shares, SHARE: shares}
    return torch.cat([weights, *(found[what][:, None] for what in beside)], dim=1)  # (rows, columns + beside)


def small_betas(table: AlphaTable, seed: int) -> Tensor:
    """Betas (rows,) near 0, as alphas are, each table's from a stream of its own."""
    generator = torch.Generator().manual_seed(stream_seed(seed, BETAS, table.name))
    return ALPHA_SCALE * torch.randn(len(table.sizes), generator=generator, dtype=torch.float32)


def rivals(table: AlphaTable) -> Tensor:
    """(rows, rows), True where two edges are summed at one node, and where an edge meets itself."""
    meet = [[two in group for two in range(len(table.sizes))] for group in table.rivals()]
    return torch.tensor(meet, device="cpu")


def edge_shares(architecture: Architecture) -> Tensor:
    """Each edge's share of its node, (rows,): the softmax of betas over the edges that are summed there."""
    betas, rivals = architecture.parameters[BETAS], architecture.rivals
    if rivals is None:
        raise ValueError("an architecture with edge weights says which edges meet")
    others = betas.expand(len(betas), -1).masked_fill(~rivals, -torch.inf)  # (rows, rows)
    return torch.softmax(others, dim=-1).diagonal()  # (rows,)
