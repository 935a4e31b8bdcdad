"""Steps that are verified now and then: nothing waits for the device, and what is not finite is found all the same."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from dartsl.step.finite import Finite
from dartsl.step.graphs import Graphs
from dartsl.step.snapshot import Snapshot

EVERY = 10  # steps after which it is asked whether all was finite

Place = TypeVar("Place")  # what stands for a step's batch


class Verified(ABC, Generic[Place]):
    """Takes the steps of a search or a training.

    seconds  that the steps of an epoch took
    finite   sets a flag where a number is not finite
    graphs   what replays steps on a GPU
    """

    def __init__(self, device: str) -> None:
        self.seconds = 0.0
        self._at_hand = torch.device(device).type == "cpu"  # numbers are on the host in any case
        self._shown: dict[str, float | None] = {}
        self.finite = Finite(at_once=False)
        self.graphs = Graphs()
        self._sound = Snapshot(self)
        self._since = 0  # steps since the last sound state

    @property
    def phase(self) -> str:
        """What part of the run the epoch belongs to, in words; nothing in a run of one part."""
        return ""

    @abstractmethod
    def left(self) -> Iterator[Place]:
        """The places of the steps that are left in the epoch; the one in hand counts as done."""

    @abstractmethod
    def step(self, place: Place) -> None:
        """Take one step. What is not finite is reported by `finite` alone."""

    @property
    @abstractmethod
    def optimizers(self) -> Sequence[Optimizer]:
        """Those that step."""

    @abstractmethod
    def tensors(self) -> list[Tensor]:
        """What steps change in place, the optimisers' own apart."""

    @abstractmethod
    def position(self) -> dict[str, Any]:
        """What steps replace: how far the epoch has come, numbers, states of generators, carried states."""

    @abstractmethod
    def load_position(self, position: Mapping[str, Any]) -> None:
        """Take over what `position` gave."""

    def take_step(self, place: Place) -> None:
        """Take one step; every tenth does what `verify` says."""
        started = time.perf_counter()
        try:
            self.step(place)
        except torch.OutOfMemoryError:  # graphs hold memory that a step which is taken as it is cannot use
            if not self.graphs.give_up("there is too little memory for them"):
                raise
            before = self._since
            self._again(before + 1)
            self._since = before
        self._since += 1
        if self._since >= EVERY:
            self.verify()
        self.seconds += time.perf_counter() - started

    def verify(self) -> None:
        """Raise NonFiniteError where a number since the last sound state was not finite, as of the step it arose in.

        For that the steps since are taken again from there, now with a look at each number; `undo` then brings back the
        state before that step. Where all was finite, this is a sound state.
        """
        if not self.finite.take():
            with self.finite.immediate():
                self._again(self._since, after=self.keep)
        self.keep()

    def _again(self, steps: int, after: Callable[[], None] = lambda: None) -> None:
        """Go back to the last sound state, and take so many steps from there once more."""
        self.undo()
        for place in islice(self.left(), steps):
            self.step(place)
            after()

    def keep(self) -> None:
        """Call this a sound state."""
        self._sound.keep()
        self._since = 0

    def undo(self) -> None:
        """Go back to the last sound state."""
        self._sound.restore()
        self.graphs.forget()
        self._since = 0

    @abstractmethod
    def read(self) -> dict[str, float | None]:
        """The figures of the epoch so far. The host waits for the device."""

    def figures(self) -> dict[str, float | None]:
        """What a progress display shows: of now on the CPU, else of the last sound state, so that nothing waits."""
        if self._at_hand or self._since == 0:
            self._shown = self.read()
        return self._shown
