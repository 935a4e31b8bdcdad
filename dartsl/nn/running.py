"""Running statistics of batch norms that move together: in one memory, so that a pass moves them in one operation.

Each module keeps the tensors that it had. They lie side by side, and each has a storage of its own, over its numbers
alone: no two share a number, one is saved without the others, and what is written to one stays in it. Where one
of them was put elsewhere since (another tensor in its place, memory that processes share), the statistics are not
together, and a pass gathers them and gives them back (dartsl/nn/packing.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import is_
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.dlpack import from_dlpack

from dartsl.nn.norms import Statistics

NAMES = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class Together:
    """The statistics of several batch norms in one memory.

    moving     what a batch norm moves: means and variances of all (modules * C,), or of the first alone (C,), and
               the counts of all (modules,)
    first      the statistics of the first (1, 2, C), which the others take over; None where each moves by itself
    others     those of the others (modules - 1, 2, C), without a count of versions, as torch's own batch norm writes
    """

    moving: Statistics
    buffers: tuple[Tensor, ...]
    places: tuple[int, ...]
    first: Tensor | None = None
    others: Tensor | None = None

    def holds(self, modules: Sequence[nn.Module]) -> bool:
        """Whether the modules' buffers are these, and where they were put."""
        now = _buffers(modules)
        same = len(now) == len(self.buffers) and all(map(is_, now, self.buffers))
        return same and tuple(buffer.data_ptr() for buffer in self.buffers) == self.places

    def moved(self) -> None:
        """Give all batch norms the statistics that the first has come to."""
        if self.first is not None and self.others is not None:
            self.others.copy_(self.first)


# By the first module: a layer's code has its modules alone at hand, and copies and pickles of these must not have it.
_KNOWN: WeakKeyDictionary[nn.Module, Together] = WeakKeyDictionary()


def together(modules: Sequence[_NormBase]) -> Together | None:
    """The statistics of batch norms, where they lie in one memory."""
    found = _KNOWN.get(modules[0])
    return found if found is not None and found.holds(modules) else None


@torch.no_grad()
def put_together(modules: Sequence[nn.Module], merged: bool) -> None:
    """Move the statistics of batch norms into one memory; `merged`: the first stands for all of them.

    Nothing is done where they cannot lie so: on other devices than CPU and CUDA, or where they are not alike.
    """
    found = _buffers(modules)
    buffers = [buffer for buffer in found if type(buffer) is Tensor and buffer.device.type in ("cpu", "cuda")]
    means, variances, counts = buffers[::3], buffers[1::3], buffers[2::3]
    if len(buffers) < len(found) or not _alike([*means, *variances]) or not _alike(counts):
        return
    values = torch.stack([torch.stack(means), torch.stack(variances)], 1 if merged else 0)
    count = torch.stack(counts)  # (modules,)
    by_module = values.transpose(0, 0 if merged else 1)  # (modules, 2, C)
    for place in range(len(modules)):
        for buffer, part in zip(buffers[3 * place :], (*by_module[place], count[place]), strict=False):
            # DLPack alone gives a tensor over a part of a memory with a storage that ends where the part does.
            buffer.data = from_dlpack(part)
    moving = (values[0, 0], values[0, 1], count) if merged else (*values.flatten(1), count)
    _KNOWN[modules[0]] = Together(
        moving,
        tuple(buffers),
        tuple(buffer.data_ptr() for buffer in buffers),
        values[:1] if merged else None,
        values.data[1:] if merged else None,
    )


def _buffers(modules: Sequence[nn.Module]) -> list[Tensor | None]:
    return [module._buffers.get(name) for module in modules for name in NAMES]


def _alike(tensors: Sequence[Tensor]) -> bool:
    return len({(tensor.shape, tensor.dtype, tensor.device) for tensor in tensors}) == 1
