"""Penalties, entry by entry: of tables of alphas by cell, whose rows are as long as they are."""

from __future__ import annotations

import torch

Rows = list[torch.Tensor]  # of all cells, one tensor a row


def beta_decay(rows: Rows, epoch: int, epochs: int, weight: float = 50.0) -> torch.Tensor:
    """arXiv 2203.01665: lambda_e * mean over the rows of log(sum(exp(alpha))), lambda_e = 50 e / E, e from 0."""
    total = torch.zeros((), dtype=torch.float64)
    for row in rows:
        total = total + torch.log(sum(torch.exp(alpha) for alpha in row))
    return weight * epoch / epochs * total / len(rows)


def zero_one(weights: Rows, weight: float = 10.0) -> torch.Tensor:
    """arXiv 1911.12126: -10 * the mean of (w - 0.5)^2 over all entries."""
    entries = [entry for row in weights for entry in row]
    return -weight * sum((entry - 0.5) ** 2 for entry in entries) / len(entries)


def entropy(weights: Rows, weight: float = 0.1) -> torch.Tensor:
    """The mean over the rows of -sum(p log p), p the weights divided by their sum."""
    total = torch.zeros((), dtype=torch.float64)
    for row in weights:
        parts = [entry / sum(row) for entry in row]
        total = total - sum(part * torch.log(part) for part in parts)
    return weight * total / len(weights)


def kl(rows: Rows, weight: float = 1e-3) -> torch.Tensor:
    """weight * KL(Dir(elu(alpha) + 1) / Dir(1)), summed over the rows (arXiv 2006.10355; as the authors' code)."""
    total = torch.zeros((), dtype=torch.float64)
    for row in rows:
        drawn = torch.distributions.Dirichlet(torch.nn.functional.elu(row) + 1)
        even = torch.distributions.Dirichlet(torch.ones_like(row))
        total = total + torch.distributions.kl_divergence(drawn, even)
    return weight * total
