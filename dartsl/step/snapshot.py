"""The last state that was found sound: a copy of all that steps change, to go back to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer


class Changing(Protocol):
    """What steps change."""

    @property
    def optimizers(self) -> Sequence[Optimizer]:
        """Their state changes in place, once it is there."""

    def tensors(self) -> list[Tensor]:
        """What else changes in place: parameters, buffers, sums."""

    def position(self) -> dict[str, Any]:
        """What is replaced by something new: numbers, states of generators, carried states."""

    def load_position(self, position: Mapping[str, Any]) -> None:
        """Take over what `position` gave."""


class Snapshot:
    """A copy that `keep` takes and `restore` puts back; it lies where the tensors lie, and nothing waits for them."""

    def __init__(self, live: Changing) -> None:
        self._live = live
        self._saved: list[Tensor] = []
        self._numbers: list[dict[Tensor, dict[str, Any]]] = []  # of each optimiser's state, by parameter
        self._position: dict[str, Any] = {}

    def keep(self) -> None:
        """Copy the state as it is now."""
        tensors = self._tensors()
        with torch.no_grad():
            if len(tensors) != len(self._saved):  # an optimiser makes its state in its first step
                self._saved = [tensor.clone() for tensor in tensors]
            else:
                _copy(self._saved, tensors)
        self._numbers = [
            {parameter: _numbers(state) for parameter, state in optimizer.state.items()}
            for optimizer in self._live.optimizers
        ]
        self._position = self._live.position()

    def restore(self) -> None:
        """Go back to the state that was kept, which stays kept."""
        for optimizer, known in zip(self._live.optimizers, self._numbers, strict=True):
            for parameter in set(optimizer.state) - set(known):
                del optimizer.state[parameter]
            for parameter, numbers in known.items():
                optimizer.state[parameter].update(numbers)
            optimizer.zero_grad()
        with torch.no_grad():
            _copy(self._tensors(), self._saved)
        self._live.load_position(self._position)

    def _tensors(self) -> list[Tensor]:
        kept = [
            value
            for optimizer in self._live.optimizers
            for state in optimizer.state.values()
            for value in state.values()
            if isinstance(value, Tensor)
        ]
        return [*(tensor.detach() for tensor in self._live.tensors()), *kept]


def _numbers(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if not isinstance(value, Tensor)}


def _copy(into: Sequence[Tensor], source: Sequence[Tensor]) -> None:
    """Copy tensors, those of one type in one operation."""
    groups: dict[tuple[torch.dtype, torch.device], tuple[list[Tensor], list[Tensor]]] = {}
    for to, value in zip(into, source, strict=True):
        pair = groups.setdefault((value.dtype, value.device), ([], []))
        pair[0].append(to)
        pair[1].append(value)
    for targets, values in groups.values():
        torch._foreach_copy_(targets, values)
