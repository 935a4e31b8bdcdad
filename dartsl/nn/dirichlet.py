"""Mixing weights that are drawn from Dirichlet distributions, with the gradient of the draw.

Source: Chen et al., "DrNAS", ICLR 2021 (arXiv 2006.10355); the gradient, Jankowiak and Obermeyer, "Pathwise
derivatives beyond the reparameterization trick", ICML 2018 (arXiv 1806.01851), is the one of torch.distributions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def draw_rows(concentrations: Tensor, sizes: Sequence[int], generator: torch.Generator) -> Tensor:
    """One draw a row over its first `size` columns, 0 in the others: (rows, columns), differentiable.

    Drawn on the CPU in float64, so that a seed means the same on every device and in every type.
    """
    drawn: dict[int, Tensor] = {}
    for size in sorted(set(sizes)):
        rows = [row for row, other in enumerate(sizes) if other == size]
        weights = _draw(concentrations[rows, :size], generator)  # (rows, size)
        wide = F.pad(weights, (0, concentrations.shape[1] - size))  # (rows, columns)
        drawn.update(zip(rows, wide.unbind(), strict=True))
    return torch.stack([drawn[row] for row in range(len(sizes))])


def _draw(concentrations: Tensor, generator: torch.Generator) -> Tensor:
    """(rows, columns). The gradient of a draw x in a concentration c_j is slope_j * (delta_ij - x_i).

    It is written as the draw and what is 0 but for its gradient, so that any pass can differentiate it.
    """
    fixed = concentrations.detach().to("cpu", torch.float64)
    x = torch._sample_dirichlet(fixed, generator)  # (rows, columns)
    slope = torch._dirichlet_grad(x, fixed, fixed.sum(dim=-1, keepdim=True).expand_as(fixed))
    x, slope = x.to(concentrations), slope.to(concentrations)
    moved = slope * (concentrations - concentrations.detach())  # (rows, columns), zeros
    return x + moved - x * moved.sum(dim=-1, keepdim=True)
