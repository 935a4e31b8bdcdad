"""Steps that are captured at the first of them, and replayed from then on: as CUDA graphs, without python's time.

What a step must be for it, and why, stands in this folder's README.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import is_
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dartsl.nn.ahead import Ahead, Stock
from dartsl.step.capture import CudaGraphs, ObstacleError, Probe, require_visible
from dartsl.step.finite import Finite
from dartsl.step.optimisers import SGD, Adam
from dartsl.step.snapshot import Snapshot
from dartsl.step.tree import mapped, tensors_of

WARM = (
    3  # steps of a kind before it is captured: in them kernels are chosen, and optimisers make what they keep
)
MOST = 32  # graphs that are kept; of more kinds, such as lengths of windows, those that were used last

Given = TypeVar("Given")


class Backend(Protocol):
    """What captures."""

    def warm(self, function: Callable[[], Given]) -> Given:
        """Call a function where it will be captured."""

    def capture(self, function: Callable[[], Given]) -> tuple[Given, Callable[[], None]]:
        """What a function gives, in tensors that each replay writes over, and the replay. Nothing is computed yet."""


@dataclass(frozen=True)
class Step(Generic[Given]):
    """A step of a search or a training, as a function.

    take        from batches and the step's number, which may be `Ahead`, to what it gives. It changes tensors of the
                model and of the optimisers, in place, and nothing else
    model       the network. Its parameters and buffers stay where they are from step to step
    optimizers  those that step
    finite      what it reports to
    fixed       what it depends on besides: with another value it is captured anew
    drop_path   the probability in its passes
    """

    take: Callable[[Any, Any], Given]
    model: nn.Module
    optimizers: Sequence[Optimizer]
    finite: Finite
    fixed: Hashable = None
    drop_path: float = 0.0

    def tensors(self) -> list[Tensor]:
        """What it changes in place, the optimisers' own apart."""
        return [*self.model.parameters(), *self.model.buffers()]

    def position(self) -> dict[str, Any]:
        """Nothing: all else that it changes is the caller's."""
        return {}

    def load_position(self, position: Mapping[str, Any]) -> None:
        """There is nothing to take over."""

    def hold(self) -> None:
        """Let the optimisers keep their factors in tensors."""
        for optimizer in self._own():
            optimizer.factors.held = True

    def prepare(self) -> None:
        """Let the optimisers compute the factors of a step."""
        for optimizer in self._own():
            optimizer.prepare()

    def require_visible(self) -> None:
        """Raise ObstacleError where a replay would pass over something that this step does."""
        if len(self._own()) < len(self.optimizers):
            raise ObstacleError("an optimiser computes on the host")
        require_visible(self.model)

    def states(self) -> list[Any]:
        """Where the optimisers keep what they keep."""
        return [optimizer.state for optimizer in self.optimizers]

    def _own(self) -> list[SGD | Adam]:
        return [each for each in self.optimizers if isinstance(each, SGD | Adam)]


@dataclass
class _Kind:
    """Steps over batches of the same shapes: how many were taken and, once captured, what a replay needs.

    states  the optimisers', which a checkpoint that is loaded replaces
    """

    inputs: Any
    fixed: Hashable
    states: list[Any]
    calls: int = 1
    stock: Stock = field(default_factory=Stock)
    given: Any = None
    replay: Callable[[], None] | None = None

    @classmethod
    def of(cls, step: Step[Any], batches: Any) -> _Kind:
        """That of a step which was taken as it is, for the first time."""
        return cls(mapped(batches, lambda tensor: tensor.detach().clone()), step.fixed, step.states())

    def holds(self, step: Step[Any]) -> bool:
        """Whether all that this kind refers to is still what a step changes."""
        now = step.states()
        same = len(now) == len(self.states) and all(map(is_, now, self.states))
        return same and self.fixed == step.fixed

    def fill(self, step: Step[Any], batches: Any, number: int) -> None:
        """Write what the step of that number reads to where it is read."""
        for into, value in zip(tensors_of(self.inputs), tensors_of(batches), strict=True):
            into.copy_(value, non_blocking=True)
        self.stock.fill(number, step.drop_path)
        step.prepare()

    def take(self, step: Step[Given]) -> tuple[Given, Tensor | None]:
        """The step on what was filled in: what it gives, and its own flag of what is not finite."""
        before = step.finite.hand_over()
        try:
            given = step.take(self.inputs, Ahead(self.stock))
            return given, step.finite.hand_over()
        finally:
            step.finite.hand_over()
            step.finite.add(before)


class Graphs:
    """Takes steps, and replays those that it can.

    backend   None: every step is taken as it is
    obstacle  why no step is captured; None where it is tried
    say       is called with that reason, once
    """

    def __init__(self, backend: Backend | None = None, obstacle: str | None = None) -> None:
        self.backend = backend
        self.obstacle = obstacle
        self.say: Callable[[str], None] = lambda text: None
        self._said = False
        self._kinds: dict[Hashable, _Kind] = {}

    @classmethod
    def of(cls, device: str, wanted: bool, obstacles: Mapping[str, bool]) -> Graphs:
        """Those of a device, where they are wanted; `obstacles` are reasons against them, and whether each holds."""
        if not wanted or torch.device(device).type != "cuda":
            return cls()
        return cls(CudaGraphs(device), next((reason for reason, holds in obstacles.items() if holds), None))

    def take(self, step: Step[Given], batches: Any, number: int) -> Given:
        """One step; `number` keys what it draws. What it gives are tensors of the caller's own."""
        if self.backend is None or step.finite.at_once:
            return step.take(batches, number)
        if self.obstacle is not None:
            self._tell()
            return step.take(batches, number)
        shapes = mapped(batches, _signature)
        kind = self._kinds.pop(shapes, None)
        if kind is None or not kind.holds(step):
            return self._first(shapes, step, batches, number)
        self._kinds[shapes] = kind  # the last in order
        if kind.replay is None:
            return self._early(self.backend, kind, step, batches, number)
        kind.fill(step, batches, number)
        return self._replayed(kind, step)

    def forget(self) -> None:
        """Let go of all graphs: what optimisers keep may be elsewhere. Steps are captured anew."""
        self._kinds.clear()

    def give_up(self, reason: str) -> bool:
        """Let go of all graphs, and of their memory, and capture no more; whether there was one to let go of."""
        captured = any(kind.replay is not None for kind in self._kinds.values())
        if captured:
            self._give_up(reason)
        return captured

    def _first(self, shapes: Hashable, step: Step[Given], batches: Any, number: int) -> Given:
        """The first step of a kind, after which the optimisers have all that they keep."""
        step.hold()
        given = step.take(batches, number)
        self._kinds[shapes] = _Kind.of(step, batches)
        return given

    def _early(self, backend: Backend, kind: _Kind, step: Step[Given], batches: Any, number: int) -> Given:
        """A step before the graph is there: the first is tried beforehand, in the last it is captured."""
        before = Snapshot(step)
        before.keep()
        taken = partial(kind.take, step)
        try:
            step.require_visible()
            kind.fill(step, batches, number)
            if kind.calls >= WARM:
                kind.given, kind.replay = backend.capture(taken)
                self._make_room()
                return self._replayed(kind, step)
            if kind.calls == 1:
                self._try(backend, kind, step)
                # That step is undone: some formulas of torch round otherwise where its operations are watched.
                before.restore()
                kind.fill(step, batches, number)
            given, bad = backend.warm(taken)
        except Exception as fault:  # what a step of its own raises, too: that comes again below
            before.restore()
            self._give_up(_reason(fault))
            return step.take(batches, number)
        step.finite.add(bad)
        kind.calls += 1
        return given

    def _try(self, backend: Backend, kind: _Kind, step: Step[Any]) -> None:
        """Raise ObstacleError where an operation of a step cannot be captured."""
        device = step.tensors()[0].device
        probe = Probe(device, kind.stock)
        with torch.random.fork_rng([device] if device.type == "cuda" else []), probe:
            backend.warm(partial(kind.take, step))
        probe.require_capturable()

    def _replayed(self, kind: _Kind, step: Step[Given]) -> Given:
        if kind.replay is not None:
            kind.replay()
        given: Given
        given, bad = mapped(kind.given, torch.clone)
        step.finite.add(bad)
        return given

    def _make_room(self) -> None:
        """Let go of the graphs that were not used for longest, where there are too many."""
        captured = [shapes for shapes, kind in self._kinds.items() if kind.replay is not None]
        for shapes in captured[:-MOST]:
            del self._kinds[shapes]

    def _give_up(self, reason: str | None) -> None:
        self.obstacle = reason
        self.forget()
        self._tell()

    def _tell(self) -> None:
        if not self._said:
            self._said = True
            self.say(f"no CUDA graphs, every step is taken as it is: {self.obstacle}")


def _reason(fault: BaseException) -> str:
    """What an error says first. The end of a capture that has failed raises an error of its own after the first one."""
    while "capture" in f"{fault}" and fault.__context__ is not None:
        fault = fault.__context__
    return f"{fault}".partition("\n")[0] or type(fault).__name__


def _signature(tensor: Tensor) -> Hashable:
    return (tensor.shape, tensor.stride(), tensor.dtype, tensor.device)
