"""Which images a step sees: the split in two, and the order in each part.

Order is drawn on the CPU, whatever the device, so that a seed means the same everywhere. Both classes save
their state as plain integers and one byte tensor (torch.load with weights_only=True reads it) and go on from
it exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from math import floor
from typing import Any

import torch
from torch import Tensor

from dartsl.lang.codes.diagnostics import UserError


def split_by_index(labels: Tensor, part: float = 0.5, several: str = "images") -> tuple[Tensor, Tensor]:
    """Indices of the images (`several`: what they are called) that train weights, and of those that train alphas.

    The first floor(part * N) images and the rest, as DARTS splits CIFAR-10's training images.
    `labels` int64 (N,); the results are int64 on the CPU. Raises UserError where a part would be empty, or
    where labels are sorted, so that the parts would hold different classes.
    """
    count = len(labels)
    first = floor(part * count)
    if not 0 < first < count:
        lacking = "weights" if first == 0 else "alphas"
        raise UserError(
            f"{count} training {several} split at {part:g} leave none for the {lacking}",
            f"weights and alphas are trained on different {several}: add {several}, or change `split`",
        )
    if is_sorted(labels):
        raise UserError(
            f"the training {several} are sorted by class, so weights and alphas would see different classes"
            if not labels.is_floating_point()
            else f"the training {several} are sorted by target, so weights and alphas would see different ones",
            f"shuffle {several} and labels together, once, and store them in that order",
        )
    return torch.arange(first), torch.arange(first, count)


def is_sorted(labels: Tensor) -> bool:
    """Whether more than two labels (N,), or one of their targets (N, T), only rise or only fall, and are not all the
    same."""
    rows = labels.reshape(len(labels), -1)
    before, after = rows[:-1], rows[1:]
    ordered = (after >= before).all(dim=0) | (after <= before).all(dim=0)  # (T,)
    return len(rows) > 2 and bool((ordered & (rows[0] != rows[-1])).any())


class Batches:
    """Epochs over a fixed set of images, each in an order of its own.

    Iterating gives the index tensors (int64, on the CPU) of the steps that are left in the current epoch; `advance`
    begins the next one. The last batch of an epoch holds what remains, as in
    DARTS, so that every image is seen once per epoch; it may be smaller than the others.
    """

    def __init__(self, indices: Tensor, batch: int, seed: int) -> None:
        self._indices = indices
        self._batch = batch
        self._generator = torch.Generator().manual_seed(seed)
        self.advance()

    def advance(self) -> None:
        """Draw the next epoch's order, and go to its start."""
        self._at_epoch_start = self._generator.get_state()
        self._order = self._indices[torch.randperm(len(self._indices), generator=self._generator)]
        self._step = 0

    def __len__(self) -> int:
        """Steps per epoch."""
        return -(-len(self._indices) // self._batch)

    @property
    def step(self) -> int:
        """Batches of the current epoch that have been given, the one in hand included."""
        return self._step

    def __iter__(self) -> Iterator[Tensor]:
        while self._step < len(self):
            start = self._step * self._batch
            self._step += 1
            yield self._order[start : start + self._batch]  # (batch,), the last one perhaps shorter

    def upcoming(self) -> Iterator[Tensor]:
        """The batches that are left in the current epoch, as they will be given, without taking them."""
        order, batch = self._order, self._batch
        return (order[step * batch : (step + 1) * batch] for step in range(self._step, len(self)))

    def state_dict(self) -> dict[str, Any]:
        """The place in the current epoch; the batch in hand counts as done."""
        return {"generator": self._at_epoch_start, "step": self._step}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after the place that `state_dict` gave, for the same images and batch size."""
        self._generator.set_state(state["generator"])
        self.advance()
        self._step = int(state["step"])


class RandomBatches:
    """A batch of different images drawn anew for each step: DARTS's validation batch of the alpha step.

    (The reference takes the first batch of a freshly shuffled loader at every step.)
    """

    def __init__(self, indices: Tensor, batch: int, seed: int) -> None:
        self._indices = indices
        self._batch = batch
        self._generator = torch.Generator().manual_seed(seed)

    def draw(self) -> Tensor:
        """Index tensor int64 (min(batch, N),) on the CPU."""
        order = torch.randperm(len(self._indices), generator=self._generator)
        return self._indices[order[: self._batch]]

    def upcoming(self) -> Iterator[Tensor]:
        """The batches that will be drawn from here on, without drawing them; endless."""
        ahead = RandomBatches(self._indices, self._batch, 0)
        ahead.load_state_dict(self.state_dict())
        return (ahead.draw() for _ in count())

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._generator.set_state(state["generator"])
