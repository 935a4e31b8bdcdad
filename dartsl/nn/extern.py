"""The call of a module that takes its inputs and knows of no pass: an `extern op`'s, or one that a user has put in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

from dartsl.nn.norms import BatchNorm1d, BatchNorm2d, normalised
from dartsl.nn.passing import Pass
from dartsl.nn.text import Embedding

# dartsl's own modules with parameters that take the pass, in whose place a user may put another.
OWN = (BatchNorm1d, BatchNorm2d, Embedding)


def call(module: nn.Module, *inputs: Tensor, pass_: Pass) -> Tensor:
    """`module(*inputs)`, in which the pass holds for the batch norms that the module has.

    Where several processes share the batch, that is so for torch's own batch norms alone: another forward of a subclass
    is called as it is.
    """
    special = pass_.frozen or pass_.again or pass_.share.total is not None
    with _held(module, pass_) if special else nullcontext():
        result: Tensor = module(*inputs)
    return result


def called(module: nn.Module, *inputs: Tensor, pass_: Pass) -> Tensor:
    """`module(*inputs)` in a pass, whether it is the module that was lowered or another in its place."""
    if isinstance(module, OWN):
        result: Tensor = module(*inputs, pass_=pass_)
        return result
    return call(module, *inputs, pass_=pass_)


@contextmanager
def _held(module: nn.Module, pass_: Pass) -> Iterator[None]:
    """Within it a module's batch norms follow a pass; computed again, it leaves all its buffers as they were."""
    norms = [each for each in module.modules() if isinstance(each, _NormBase)]
    tracked = [norm.track_running_stats for norm in norms]
    shared = [
        norm for norm in norms if pass_.share.total is not None and type(norm).forward is _BatchNorm.forward
    ]
    buffers = list(module.buffers()) if pass_.again else []
    saved = [buffer.clone() for buffer in buffers]
    try:
        for norm in norms:
            if norm.training and pass_.frozen:  # in evaluation, running statistics are read
                norm.track_running_stats = False
        for norm in shared:
            norm.__dict__["forward"] = partial(normalised, norm, pass_=pass_)
        yield
    finally:
        for norm, before in zip(norms, tracked, strict=True):
            norm.track_running_stats = before
        for norm in shared:
            del norm.__dict__["forward"]
        with torch.no_grad():
            for buffer, value in zip(buffers, saved, strict=True):
                buffer.copy_(value)
