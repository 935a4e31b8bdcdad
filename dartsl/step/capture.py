"""What captures steps on a GPU, and what finds out beforehand why a step could not be captured."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dartsl.nn.ahead import Stock
from dartsl.nn.lowered import Lowered
from dartsl.nn.watch import hooked, hooked_everywhere

Given = TypeVar("Given")
COPIES = (torch.ops.aten._to_copy, torch.ops.aten.copy_, torch.ops.aten.to)


class CudaGraphs:
    """CUDA graphs of one device. They share their memory: no two of them run at once, and all that is read after a
    replay is held for as long as the graph is."""

    def __init__(self, device: str) -> None:
        stream: Any = torch.cuda.Stream  # torch leaves it without types
        self._stream = stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    def warm(self, function: Callable[[], Given]) -> Given:
        """Call a function on the stream of the captures, so that libraries have there what they need."""
        here = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            given = function()
        here.wait_stream(self._stream)
        return given

    def capture(self, function: Callable[[], Given]) -> tuple[Given, Callable[[], None]]:
        """What a function gives once the graph is replayed, and the replay."""
        graph = torch.cuda.CUDAGraph()
        gc.collect()  # a network that is no longer used may hold memory in a cycle
        # The outer one takes the stream back where a capture fails. Other threads may pin memory meanwhile.
        try:
            with (
                torch.cuda.stream(self._stream),
                torch.cuda.graph(
                    graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
                ),
            ):
                given = function()
        except BaseException:
            end_allocation(self._stream.device.index, self._pool)
            raise
        return given, graph.replay


def end_allocation(device: int, pool: Any) -> None:
    """Take back the memory of a capture that has failed.

    Where CUDA calls a capture invalid, torch's allocator goes on as if there was one: it takes back no memory that
    another stream has read, and keeps what was captured.
    """
    allocator: Any = torch._C  # torch leaves it without types
    with suppress(RuntimeError):  # of a capture that has ended as any other
        allocator._cuda_endAllocateToPool(device, pool)
        allocator._cuda_releasePool(device, pool)


class ObstacleError(RuntimeError):
    """Why a step cannot be captured."""


def require_visible(model: nn.Module) -> None:
    """Raise ObstacleError for what a model does that a replay would pass over."""
    if hooked_everywhere() or any(hooked(module) for module in model.modules()):
        raise ObstacleError("modules have hooks")
    # All are looked at, so that no look is left for a capture, where the host cannot read.
    looks = [layer.untouched() for layer in model.modules() if isinstance(layer, Lowered)]
    if not all(looks):
        raise ObstacleError("modules of the network were changed")


class Probe(TorchDispatchMode):
    """Watches the operations of a step on `device`, and notes the first that could not be captured."""

    def __init__(self, device: torch.device, stock: Stock) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.reason: str | None = None
        self._device = device
        self._stock = stock

    def require_capturable(self) -> None:
        """Raise ObstacleError for such an operation."""
        if self.reason is not None:
            raise ObstacleError(self.reason)

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        result = func(*args, **given)
        if self.reason is None and not self._stock.drawing:
            self.reason = self._found(func, (args, given, result))
        return result

    def _found(self, func: torch._ops.OpOverload[..., Any], values: Any) -> str | None:
        if torch.Tag.data_dependent_output in func.tags:
            return f"the host reads a number from the device ({func})"
        if torch.Tag.dynamic_output_shape in func.tags and not _by_place(func, values[0]):
            return f"the size of a tensor depends on numbers ({func})"
        if torch.Tag.nondeterministic_seeded in func.tags:
            return f"random numbers come from torch's own generator ({func})"
        tensors = [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
        if any(self._elsewhere(func, tensor) for tensor in tensors):
            return f"a tensor of another device is read or made ({func})"
        return None

    def _elsewhere(self, func: torch._ops.OpOverload[..., Any], tensor: Tensor) -> bool:
        """Whether a tensor lies where a graph cannot go. Kernels take single numbers of the CPU; copies of them wait.
        (torch looks up shapes on `meta`, and copies states of its generators, bytes, to set them back.)"""
        if tensor.device.type in (self._device.type, "meta"):
            return False
        if tensor.dtype == torch.uint8 and func.overloadpacket is torch.ops.aten.clone:
            return False
        return tensor.dim() > 0 or func.overloadpacket in COPIES


def _by_place(func: torch._ops.OpOverload[..., Any], args: Any) -> bool:
    """Whether an operation takes elements by their places, (...) int64: how many these are is known."""
    if func.overloadpacket is not torch.ops.aten.index:
        return False
    return not any(
        leaf.dtype in (torch.bool, torch.uint8) for leaf in tree_leaves(args[1]) if leaf is not None
    )
