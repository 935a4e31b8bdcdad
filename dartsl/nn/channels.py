"""Channels that were mixed and channels that passed by, put together (dartsl/graph/channels.py).

The function follows the conventions of `dartsl.nn.fused`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor


def shuffle(mixed: Tensor, rest: Tensor) -> Tensor:
    """(B, c, H, W) and (B, (K - 1) * c, H, W) -> (B, K * c, H, W): both side by side as K parts, shuffled.

    Channel j * K + g is channel j of part g, as after PC-DARTS's `channel_shuffle`.
    """
    width = mixed.shape[1]
    parts = rest.shape[1] // width
    if mixed.is_contiguous(memory_format=torch.channels_last) and not mixed.is_contiguous():
        first = mixed.permute(0, 2, 3, 1).unsqueeze(-1)  # (B, H, W, c, 1)
        others = torch.unflatten(rest.permute(0, 2, 3, 1), -1, (parts, width)).transpose(-1, -2)
        return torch.cat([first, others], -1).flatten(-2).permute(0, 3, 1, 2)
    others = torch.unflatten(rest, 1, (parts, width)).transpose(1, 2)  # (B, c, K - 1, H, W)
    return torch.cat([mixed.unsqueeze(2), others], 2).flatten(1, 2)


# Kind -> the function.
FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {"shuffle": shuffle}
