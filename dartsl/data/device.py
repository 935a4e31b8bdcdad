"""Batches for a GPU: moved there without a wait of the host, and prepared on a stream of their own while a step runs.

On the CPU, where there is no such stream, nothing is prepared before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from dartsl.nn.placing import wide_type

Value = TypeVar("Value")
PART = 0.25  # of the memory that is free on a GPU: what images may take of it, to lie there


def moved(tensor: Tensor, device: torch.device | str) -> Tensor:
    """A tensor on a device; the host does not wait, since a GPU reads pinned memory by itself."""
    if tensor.numel() and tensor.device.type == "cpu" and torch.device(device).type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def labels_on(labels: Tensor, device: torch.device | str) -> Tensor:
    """Labels (N,) on a device, or targets (N, T), float64 where the device has that type."""
    return labels.to(device, wide_type(device)) if labels.is_floating_point() else labels.to(device)


def home(count: int, device: torch.device | str) -> torch.device:
    """Where `count` bytes of images are to lie: on the device, or on the CPU where a GPU has little memory for them."""
    found = torch.device(device)
    if found.type != "cuda" or count <= PART * torch.cuda.mem_get_info(found)[0]:
        return found
    return torch.device("cpu")


def picked(values: Tensor, places: Tensor, device: torch.device | str) -> Tensor:
    """`values[places]` on a device; values lie there or on the CPU, places, int64 (B,), on the CPU."""
    return moved(values[moved(places, values.device)], device)


class Aside(Protocol):
    """A stream beside that of the steps."""

    def run(self, make: Callable[[], Value]) -> tuple[Value, Any]:
        """What `make` gives, and the event after its last kernel."""

    def give(self, value: object, event: Any) -> None:
        """Hand over to the stream of the steps, which waits for the event; the host does not."""


class CudaAside:
    """That of a GPU."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._stream.wait_stream(torch.cuda.current_stream(device))  # on which the data set is on its way

    def run(self, make: Callable[[], Value]) -> tuple[Value, Any]:
        with torch.cuda.stream(self._stream):
            value = make()
            return value, self._stream.record_event()

    def give(self, value: object, event: Any) -> None:
        steps = torch.cuda.current_stream(self._device)
        steps.wait_event(event)
        for leaf in tree_leaves(value):
            if isinstance(leaf, Tensor) and leaf.is_cuda:
                leaf.record_stream(steps)  # its memory is not used again before the step is over


def aside(device: torch.device | str) -> Aside | None:
    """A stream of one's own on a device; None where there are no streams."""
    found = torch.device(device)
    return CudaAside(found) if found.type == "cuda" else None


class Guessed(Generic[Value]):
    """Values that are made ahead, of what is likely to be asked for.

    A choice is all that a value follows from, as a tree of tensors on the CPU and numbers. Where another one is asked
    for than was guessed, its value is made then: guesses change no value.
    """

    def __init__(self, device: torch.device | str) -> None:
        self.aside = aside(device)
        self._guess: tuple[Any, Value, Any] | None = None

    def guess(self, choice: Any, make: Callable[[], Value]) -> None:
        """Begin to make the value of a choice, without a wait; where there are no streams, do nothing."""
        if self.aside is None:
            return
        try:
            self._guess = (choice, *self.aside.run(make))
        except Exception:  # a file that cannot be read, say: the step that needs it meets the same once more
            self._guess = None

    def take(self, choice: Any, make: Callable[[], Value]) -> Value:
        """The value of a choice."""
        guess, self._guess = self._guess, None
        if guess is None or self.aside is None or not same(guess[0], choice):
            return make()
        _, value, event = guess
        self.aside.give(value, event)
        return value


def same(one: Any, other: Any) -> bool:
    """Whether two choices are the same, number by number."""
    ours, theirs = tree_leaves(one), tree_leaves(other)
    return len(ours) == len(theirs) and all(map(_same, ours, theirs))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    return type(one) is type(other) and bool(one == other)


def one_ahead(device: torch.device | str, makers: Iterable[Callable[[], Value]]) -> Iterator[Value]:
    """What each function gives, in order; on a GPU the next value is made while the one before it is used."""
    beside = aside(device)
    if beside is None:
        yield from (make() for make in makers)
        return
    values = (beside.run(make) for make in makers)
    ready = next(values, None)
    while ready is not None:
        following, fault = None, None
        try:
            following = next(values, None)
        except Exception as error:  # of the next value: the one at hand is good
            fault = error
        beside.give(*ready)
        yield ready[0]
        if fault is not None:
            raise fault
        ready = following
