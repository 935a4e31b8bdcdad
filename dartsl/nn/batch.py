"""What a network is called with: a message for what is no batch, before a layer fails on it in its own words."""

from __future__ import annotations

import torch
from torch import Tensor, distributed, fx, nn
from torch.jit._trace import is_tracing

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.records.inputs import Input


def require_batch(inputs: Tensor, takes: Input) -> None:
    """Raise UserError for what has no axis of examples, or no example, and for a proxy of symbolic tracing.

    Nothing else is asked where a pass is traced: shapes are symbols there.
    """
    if isinstance(inputs, fx.Proxy):
        raise UserError(
            "a network is not traced symbolically: it is one of torch.fx already",
            help="read `model.network.graph`, make it a leaf of your tracer, or take torch.export.export",
        )
    if not isinstance(inputs, Tensor) or torch.compiler.is_compiling() or is_tracing():  # type: ignore[no-untyped-call]
        return
    axes = len(takes.batch(1))
    if inputs.dim() == axes and inputs.numel():
        return
    wanted = (
        "tokens (T, B)"
        if takes.sequence
        else f"{takes.kind} ({', '.join(('B', *map(str, takes.batch(1)[1:])))})"
    )
    one = not takes.sequence and inputs.dim() == axes - 1
    raise UserError(
        f"the network takes {wanted}, and was given a tensor {tuple(inputs.shape)}",
        f"one {takes.example} is a batch of one: {takes.kind}[None]" if one else None,
    )


def require_whole(inputs: Tensor, network: nn.Module) -> None:
    """Raise UserError where layers of a network of text are sharded: its loop and head read parameters of others."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return
    from torch.distributed.tensor import DTensor

    if not isinstance(inputs, DTensor) and any(isinstance(each, DTensor) for each in network.parameters()):
        raise UserError(
            "the layers of a network of text cannot be sharded one by one",
            help="shard the whole network: fully_shard(model)",
        )
