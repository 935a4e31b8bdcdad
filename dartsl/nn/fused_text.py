"""What passes make of recurrent cells (dartsl/graph/passes: mixed_lerp, gather, linears, highway).

The functions follow the conventions of `dartsl.nn.fused`. Vectors are (B, C), stacked ones (j, B, C).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dartsl.nn.packing import Weights, weight_of
from dartsl.nn.text import highway_gates


def factors(weights: Weights, entries: Sequence[Sequence[tuple[int, int]]]) -> tuple[Tensor, ...]:
    """For each row of entries its mixing weights, (j, 1, 1), or (1, 1) of one alone; and last the sum of all rows."""
    flat = [weights[row][column] for each in entries for row, column in each]
    each = torch.stack(flat).view(len(entries), *((-1, 1, 1) if len(entries[0]) > 1 else (1, 1)))
    return (*each.unbind(), each.sum(0))


def mixed_lerp(start: Tensor, gate: Tensor, weights: Sequence[Tensor], *ends: Tensor) -> Tensor:
    """sum_k w_k lerp(start, ends[k], gate), from `factors` (w_1, .., w_n, their sum)."""
    *each, whole = weights
    mixed = each[0] * ends[0]
    for weight, end in zip(each[1:], ends[1:], strict=True):
        mixed = mixed + weight * end
    scaled = whole * start
    return scaled + gate * (mixed - scaled)


def gather(*vectors: Tensor) -> Tensor:
    """Vectors (B, C) stacked: (j, B, C)."""
    return torch.stack(vectors)


def batch_sum(stack: Tensor, weights: Sequence[Tensor] | None = None) -> Tensor:
    """The sum of a stack (j, B, C), each times its weight in `factors` where there are some: (B, C)."""
    return (stack if weights is None else stack * weights[0]).sum(0)


def weights(state: Sequence[nn.Module], rows: tuple[int, int] | None = None) -> Tensor:
    """Matrices (out, in) of linear layers side by side; `rows`: those of a highway's, which is (in, out), turned."""
    if rows is not None:
        return weight_of(state[0])[rows[0] : rows[1]].t()
    return torch.cat([weight_of(module) for module in state])


def multiply(x: Tensor, matrix: Tensor, added: Tensor | None = None) -> Tensor:
    """Vectors times a matrix (out, in), and what is added to that."""
    return F.linear(x, matrix) if added is None else torch.addmm(added, x, matrix.t())


# Kind -> the function.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "factors": factors,
    "mixed_lerp": mixed_lerp,
    "gather": gather,
    "batch_sum": batch_sum,
    "weights": weights,
    "multiply": multiply,
    "gates": highway_gates,
}
