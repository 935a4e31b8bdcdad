"""What several applications of a layer read, put side by side once a pass instead of once for each of them.

Parameters and running statistics stay in modules under their own names; here they come together in forward, so that
gradients reach them. The functions are plain torch: every kind of differentiation goes through.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

Weights = Tensor | Sequence[Sequence[Tensor]]  # the mixing weights of a table, weights[row][column]

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def rows(weights: Tensor) -> tuple[tuple[Tensor, ...], ...]:
    """The mixing weights of a table, (rows, columns), one by one: their gradients are put together once."""
    columns = weights.shape[1]
    each = weights.flatten().unbind()
    return tuple(each[start : start + columns] for start in range(0, len(each), columns))


def gains(
    weights: Weights, entries: Sequence[tuple[int, int]], width: int, sizes: Sequence[int]
) -> tuple[Tensor, ...]:
    """The mixing weights at the entries (row, column) as weights of batch norms with `width` channels.

    The first sizes[0] of them one after another, (sizes[0] * width,), then the next sizes[1], and so on.
    """
    chosen = torch.stack([weights[row][column] for row, column in entries])  # (entries,)
    # Copied, not expanded alone: torch's channels_last batch norm gives wrong gradients for a weight of stride 0.
    wide = chosen[:, None].expand(-1, width).reshape(-1).contiguous()  # (entries * width,)
    return torch.split_with_sizes(wide, [size * width for size in sizes])


def kernels(state: Sequence[nn.Module], sizes: Sequence[int]) -> tuple[Tensor, ...]:
    """The weights of convolutions, all alike but for their number of output channels, in stacks of sizes[i] modules."""
    weights = [weight_of(module) for module in state]
    widths = [weight.shape[0] for weight in weights]
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    parts = [sum(widths[start : start + size]) for start, size in zip(starts, sizes, strict=True)]
    return torch.split_with_sizes(torch.cat(weights), parts)


def weight_of(module: nn.Module) -> Tensor:
    """The weight of a module. Raises TypeError where it has none."""
    weight = module.weight
    if not isinstance(weight, Tensor):
        raise TypeError(f"{module} has no weight")
    return weight


def statistics(modules: Sequence[_NormBase]) -> tuple[Tensor, Tensor, Tensor | None]:
    """Running means and variances (channels of all,), and the counts of batches (modules,), side by side.

    They are views of the memory in which the modules' own buffers lie, so that what moves them moves the buffers.
    """
    found = [_side_by_side(modules, name) for name in STATISTICS]
    mean, variance, count = found
    if mean is None or variance is None:
        raise TypeError(f"{modules[0]} has no running statistics")
    return mean, variance, count


def _side_by_side(modules: Sequence[_NormBase], name: str) -> Tensor | None:
    """One tensor whose parts are the modules' buffers of a name; they are moved there unless they lie so already.

    A change of device or type moves them apart, and leaves them equal to what they were.
    """
    held = [buffer for module in modules if (buffer := module._buffers[name]) is not None]
    if len(held) != len(modules):
        return None
    size, first = held[0].numel(), held[0]
    if not all(_follows(first, buffer, place * size) for place, buffer in enumerate(held)):
        packed = torch.cat([buffer.detach().reshape(-1) for buffer in held])
        for place, module in enumerate(modules):
            module._buffers[name] = packed[place * size : (place + 1) * size].view(first.shape)
        return packed
    return first.as_strided((len(held) * size,), (1,))


def _follows(first: Tensor, buffer: Tensor, distance: int) -> bool:
    """Whether a buffer lies `distance` numbers after the first one, in the same memory."""
    same = buffer.untyped_storage()._cdata == first.untyped_storage()._cdata
    return same and buffer.storage_offset() == first.storage_offset() + distance
