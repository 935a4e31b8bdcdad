"""What stands in for CUDA graphs on the CPU: it records the operations of a step, and takes them again.

As on a GPU a capture computes nothing that stays, the host can read nothing in it, no number comes from a generator
of torch's own, and what it reads must lie where it is written to before a replay: any other tensor is an error.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dartsl.step.graphs import Graphs
from dartsl.step.tree import tensors_of

Given = TypeVar("Given")
TAGS = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape, torch.Tag.nondeterministic_seeded)


class CaptureError(RuntimeError):
    """What a CUDA graph could not do, or would do wrongly."""


def tensors(value: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor))


def storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def by_place(func: Any, args: Any) -> bool:
    """Whether it is x[places]: only a mask makes a size of numbers."""
    return func is torch.ops.aten.index.Tensor and all(
        index.dtype is torch.int64 for index in tensors(args[1])
    )


@dataclass
class Operation:
    """An operation with the very tensors that it read and made."""

    func: Any
    args: Any
    kwargs: Any
    made: list[Tensor]

    def again(self) -> None:
        """Take it once more, its results written over those of the first time."""
        result = self.func(*self.args, **self.kwargs)
        for old, new in zip(self.made, tensors(result), strict=True):
            if (
                storage(old) != storage(new) and not old._is_zerotensor()
            ):  # which has no memory, and stays zero
                old.copy_(new)


class Tape(TorchDispatchMode):
    """Records what happens within it to `static` tensors."""

    def __init__(self, static: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []
        self._held: list[Tensor] = list(static)  # held: no address is used again
        self._known: set[int] = set()
        # By address: some tensors lie side by side in the memory of another one (`dartsl.nn.running`).
        places = sorted((each.data_ptr(), each.data_ptr() + each.nbytes) for each in self._held)
        self._starts, self._ends = [start for start, _ in places], [end for _, end in places]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if any(tag in func.tags for tag in TAGS) and not by_place(func, args):
            raise CaptureError(f"{func} within a capture")
        for tensor in tensors((args, given)):
            if storage(tensor) not in self._known and not self._static(tensor):
                raise CaptureError(f"{func} reads a tensor {tuple(tensor.shape)} that no replay writes to")
        result = func(*args, **given)
        made = list(tensors(result))
        read = {storage(tensor) for tensor in tensors((args, given))}
        self._known |= {storage(tensor) for tensor in made}
        self._held += made
        if func._schema.is_mutable or any(storage(tensor) not in read for tensor in made):
            self.operations.append(Operation(func, args, given, made))
        return result

    def _static(self, tensor: Tensor) -> bool:
        before = bisect_right(self._starts, tensor.data_ptr()) - 1
        return before >= 0 and (tensor.data_ptr() < self._ends[before] or tensor.numel() == 0)

    def replay(self) -> None:
        with torch.no_grad():
            for operation in self.operations:
                operation.again()


@dataclass
class Recorder:
    """The backend of `graphs`; `static` gives what lies where it is and is written over, or never changes."""

    graphs: Graphs
    static: Callable[[], Iterable[Tensor]]
    captures: int = 0
    replays: int = 0
    operations: list[int] = field(default_factory=list)

    def warm(self, function: Callable[[], Given]) -> Given:
        return function()

    def capture(self, function: Callable[[], Given]) -> tuple[Given, Callable[[], None]]:
        self.captures += 1
        kind = list(self.graphs._kinds.values())[-1]
        inputs = [*tensors_of(kind.inputs), *(each.buffer for each in kind.stock._drawn.values())]
        static = [*self.static(), *inputs]
        before = [tensor.detach().clone() for tensor in static]
        tape = Tape(static)
        try:
            with tape:
                given = function()
        finally:
            with torch.no_grad():
                for tensor, value in zip(static, before, strict=True):
                    tensor.copy_(value)
        self.operations.append(len(tape.operations))

        def replay() -> None:
            self.replays += 1
            tape.replay()

        return given, replay
