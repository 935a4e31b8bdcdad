"""The curvature as in RobustDARTS (arXiv 1909.09656): the Hessian row by row, and all its eigenvalues."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch


def top_eigenvalue(loss: torch.Tensor, alphas: Sequence[torch.Tensor], decay: float) -> float:
    """Of the Hessian of loss + decay / 2 * |alpha|^2 in all alphas together."""
    whole = loss + decay / 2 * sum((alpha**2).sum() for alpha in alphas)
    slopes = torch.autograd.grad(whole, list(alphas), create_graph=True)
    rows = []
    for slope in slopes:
        for entry in slope.flatten():
            row = torch.autograd.grad(entry, list(alphas), retain_graph=True)
            rows.append(torch.cat([part.flatten() for part in row]))
    return float(np.linalg.eigvalsh(torch.stack(rows).numpy()).max())
