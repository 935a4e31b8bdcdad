"""Less memory for more time: each layer's inner results are computed again in the backward pass.

Only what leaves a layer is kept (Chen et al., "Training deep nets with sublinear memory cost", 2016), by
torch's own checkpointing, without re-entering autograd, so that double backward goes through. Within forward-mode
differentiation nothing is computed again: autograd keeps all tangents, and both together would take more than either.
Computing again gives the same numbers: random primitives draw by the same pass, torch's generators
are set back, and a layer's buffers (running statistics) move the first time alone, which the pass says (`Pass.again`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint

from dartsl.nn.passing import Pass


def recomputed(layer: nn.Module, *inputs: Any) -> Any:
    """`layer(*inputs)`, of which autograd keeps the inputs alone."""
    if not torch.is_grad_enabled() or _is_dual(layer, inputs):
        return layer(*inputs)
    # What is captured as a CUDA graph draws from none of torch's generators, whose states cannot be read there.
    started: Any = torch.cuda.is_initialized  # torch leaves it without types
    captured = started() and torch.cuda.is_current_stream_capturing()
    return checkpoint(_Repeated(layer), *inputs, use_reentrant=False, preserve_rng_state=not captured)


@dataclass
class _Repeated:
    """A layer; from its second call on, its pass says that it is computed again."""

    layer: nn.Module
    again: bool = False

    def __call__(self, *inputs: Any) -> Any:
        if self.again:
            inputs = tuple(replace(each, again=True) if isinstance(each, Pass) else each for each in inputs)
        self.again = True
        return self.layer(*inputs)


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


def _is_dual(layer: nn.Module, inputs: Sequence[Any]) -> bool:
    """Whether a pass carries tangents: the layer's weights or what it reads are dual numbers."""
    unpack_dual: Any = forward_ad.unpack_dual  # torch leaves it without types
    tensors = chain(inputs, layer.parameters())
    return any(unpack_dual(each).tangent is not None for each in tensors if isinstance(each, Tensor))
