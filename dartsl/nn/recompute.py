"""Less memory for more time: each layer's inner results are computed again in the backward pass.

Only what leaves a layer is kept (Chen et al., "Training deep nets with sublinear memory cost", 2016), by
torch's own checkpointing, without re-entering autograd, so that double backward goes through. Within forward-mode
differentiation nothing is computed again: autograd keeps all tangents, and both together would take more than either.
Computing again gives the same numbers: random primitives draw by key, torch's generators
are set back, and a layer's buffers (running statistics) move in the first pass alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.autograd import forward_ad
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import checkpoint


def recomputed(layer: nn.Module, *inputs: Tensor) -> Any:
    """`layer(*inputs)`, of which autograd keeps the inputs alone."""
    if not torch.is_grad_enabled() or _is_dual(layer, inputs):
        return layer(*inputs)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _as_it_was(layer)

    return checkpoint(layer, *inputs, use_reentrant=False, context_fn=contexts)


def recompute_layers(network: fx.GraphModule) -> None:
    """Make a lowered network recompute each of its layers but the last, which backward needs at once."""
    calls = [
        node for node in network.graph.nodes if node.op == "call_module" and "." not in str(node.target)
    ]  # not the single modules that a loop calls once a pass
    for call in calls[:-1]:
        name = call.name
        with network.graph.inserting_before(call):
            layer = network.graph.get_attr(str(call.target))
            arguments = (layer, *call.args)
            again = network.graph.create_node("call_function", recomputed, arguments, name=f"{name}_kept")
        again.meta.update(call.meta)
        call.replace_all_uses_with(again)
        network.graph.erase_node(call)
    network.recompile()


def _as_it_was(layer: nn.Module) -> AbstractContextManager[None]:
    """A context in which a layer runs as it would run now, and which leaves its buffers as they were."""
    norms = [module for module in layer.modules() if isinstance(module, _NormBase)]
    tracked = [norm.track_running_stats for norm in norms]

    @contextmanager
    def restored() -> Iterator[None]:
        # What counts is the pass that is repeated: it may have lain within `frozen_statistics`.
        meanwhile = [norm.track_running_stats for norm in norms]
        _track(norms, tracked)
        buffers = list(layer.buffers())
        saved = [buffer.clone() for buffer in buffers]
        try:
            yield
        finally:
            _track(norms, meanwhile)
            with torch.no_grad():
                for buffer, before in zip(buffers, saved, strict=True):
                    buffer.copy_(before)

    return restored()


def _is_dual(layer: nn.Module, inputs: Sequence[Tensor]) -> bool:
    """Whether a pass carries tangents: the layer's weights or what it reads are dual numbers."""
    unpack_dual: Any = forward_ad.unpack_dual  # torch leaves it without types
    tensors = chain(inputs, layer.parameters())
    return any(unpack_dual(each).tangent is not None for each in tensors if isinstance(each, Tensor))


def _track(norms: list[_NormBase], values: list[bool]) -> None:
    for norm, value in zip(norms, values, strict=True):
        norm.track_running_stats = value
