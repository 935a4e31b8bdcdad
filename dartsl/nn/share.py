"""The part of a batch that one of several processes takes.

Each process computes some rows of a batch (images, or columns of text) and everything that is a mean over the batch
is then a sum over the processes. What adds up is handed in (`total`), so that nothing here knows how processes talk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Total = Callable[[Sequence[Tensor]], None]  # sums tensors over all processes, in place


@dataclass(frozen=True)
class Share:
    """Rows `first` to `first + size - 1` of a batch of `whole` rows.

    counts   False where the batch has fewer rows than there are processes and none is left for this one: it then
             computes row 0 once more, so that all processes take the same steps, and its numbers count for nothing
    total    None: one process, which takes all
    """

    first: int
    size: int
    whole: int
    counts: bool = True
    total: Total | None = None

    @property
    def index(self) -> Tensor:
        """The rows' numbers in the whole batch, int64 (size,)."""
        return torch.arange(self.first, self.first + self.size)

    @property
    def weight(self) -> float:
        """What a mean over these rows counts in the mean over the whole batch."""
        return self.size / self.whole if self.counts else 0.0

    def own(self, values: Tensor, dim: int) -> Tensor:
        """These rows of something that belongs to the whole batch, whose rows lie along `dim`."""
        return values if self.total is None else values.narrow(dim, self.first, self.size)

    def widened(self, shape: Sequence[int], dim: int) -> tuple[int, ...]:
        """The shape that something of this share's rows has for the whole batch."""
        return tuple(shape) if self.total is None else (*shape[:dim], self.whole, *shape[dim + 1 :])

    def gathered(self, values: Tensor) -> Tensor:
        """Of rows (size, ...), the whole batch's (whole, ...), on every process."""
        if self.total is None:
            return values
        result = values.new_zeros(self.widened(values.shape, 0))
        if self.counts:
            result[self.first : self.first + self.size] = values
        self.total([result])
        return result

    def weighed(self, loss: Tensor) -> Tensor:
        """A mean loss over these rows, so that its sum over the processes is that over the whole batch."""
        return loss if self.total is None else loss * self.weight

    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Sum tensors over the processes, in place."""
        if self.total is not None:
            self.total(tensors)


WHOLE = Share(0, 0, 0)  # one process and a batch of any size: nothing is cut, nothing summed
