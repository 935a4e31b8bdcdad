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
    if len(sizes) == 1:  # of a split in one part the gradient would be copied
        return (torch.cat(weights),)
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


def statistics(modules: Sequence[_NormBase]) -> tuple[Tensor, Tensor]:
    """Running means and variances (channels of all,) side by side: copies, which `moved` gives back."""
    return torch.cat(_buffers(modules, "running_mean")), torch.cat(_buffers(modules, "running_var"))


def moved(modules: Sequence[_NormBase], means: Sequence[Tensor], variances: Sequence[Tensor]) -> None:
    """Give batch norms the running statistics that a pass has come to, (C,) each, in memory of their own."""
    own = [*_buffers(modules, "running_mean"), *_buffers(modules, "running_var")]
    # As torch's own batch norm does, without a count of versions: who holds one for a backward pass does not read it.
    torch._foreach_copy_([buffer.data for buffer in own], [*means, *variances])


def approached(
    modules: Sequence[_NormBase], means: Sequence[Tensor], variances: Sequence[Tensor], momentum: float
) -> None:
    """Move running statistics towards those of a batch, (C,) each, by the momentum."""
    own = [*_buffers(modules, "running_mean"), *_buffers(modules, "running_var")]
    torch._foreach_lerp_([buffer.data for buffer in own], [*means, *variances], momentum)


def counted(modules: Sequence[_NormBase]) -> None:
    """Count one batch more."""
    counts = [count for module in modules if (count := module.num_batches_tracked) is not None]
    if counts:
        torch._foreach_add_(counts, 1)


def _buffers(modules: Sequence[_NormBase], name: str) -> list[Tensor]:
    """A buffer of each module. Raises TypeError where one has none."""
    found = [buffer for module in modules if (buffer := module._buffers[name]) is not None]
    if len(found) != len(modules):
        raise TypeError(f"{modules[0]} has no running statistics")
    return found
