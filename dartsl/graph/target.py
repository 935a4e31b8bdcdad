"""What a network is compiled for: the passes of each level, in order, and why in this order.

All passes are exact and most may come in any order; `requires` and `ensures` hold what may not be otherwise. The order
below is the one that finds the most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LEVELS = (0, 1, 2)
DEFAULT_LEVEL = 2


@dataclass(frozen=True)
class Target:
    """One kind of device.

    passes    of each level, as `dartsl.graph.passes.parse` reads them
    measured  the choices rest on measurements; else on the count of operations alone
    """

    name: str
    passes: Mapping[int, str]
    measured: bool


_FIRST = ("dead", "cse")  # less work for all others: what adds nothing goes, then what is there twice
_CPU = (  # two cores with AVX2, float32: see dartsl/graph/passes/README.md
    *_FIRST,
    "shuffles",  # before `fold`, for which it leaves sums over the mixes of all edges
    "fold",  # the terms of a node in one sum, which the next ones, `space_to_batch` and `blend` go by
    "mixed_lerp",  # on single edges, before `gather` puts edges together
    "gather",  # on whole matrices, before `linears` puts them side by side
    "linears",
    "highway",
    "space_to_batch",  # what it moves is undilated then: more for `stack`
    "blend",  # takes terms out of sums for good, so after all that put terms in
    "depthwise",  # before `stack`, which keeps what a convolution is
    "stack(limit=32768)",  # larger ones fall out of the cache and cost time
    "sums",  # of what `stack` has left
    "layout(pixels_first=true)",  # when no value is added or moved any more
    "in_place",  # writes over values, so that nothing may be merged or moved after it
    "order",  # the last word on when each value is computed
)
# One H200, torch 2.11, 80 channels of 32 x 32, batch 64, float32; microseconds forward, input and weight gradient.
# Images stay NCHW, so that there is no `layout`: channels together, a dilated depthwise 5 x 5 takes 354, 143, 770 in
# place of 82, 87, 199, a batch norm of 16 channels 303 in place of 192 with its backward pass; a plain 5 x 5 takes 113,
# 82, 46 in place of 83, 87, 200, and its weight gradient alone has channels together (dartsl/nn/depthwise.py).
# `fuse` and `pools` rest on the device they run on, which times kernels and torch (dartsl/nn/kernels/measure.py).
# Not measured: whole networks with `pools` on, whose kernels spare bytes but hardly launches;
# `space_to_batch`, which adds moves and would spare nothing in NCHW, and so is left out; stacks of any
# size, since fewer operations win where kernels are launched one by one; and all that is for text.
_CUDA = (
    *_FIRST,
    "shuffles",
    "fold",
    "mixed_lerp",
    "gather",
    "linears",
    "highway",
    "blend",
    "fuse",  # before `stack`, which puts what it makes side by side, and `depthwise`, which would hide it
    "pools",  # after `fold` and `blend`, by which their batch norms have mixing weights or not
    "depthwise",  # of what `fuse` leaves
    f"stack(limit={1 << 30},across=true)",
    "sums",
    "terms",  # of what is a sum by now
    "in_place",
    "order",
)

TARGETS: Mapping[str, Target] = {
    name: Target(name, {0: "", 1: ",".join(_FIRST), 2: ",".join(passes)}, measured)
    for name, passes, measured in (("cpu", _CPU, True), ("cuda", _CUDA, False))
}


def target_of(device: str) -> Target:
    """The target of a torch device by its name (`cuda:1`). Anything that is not a CUDA device counts as the CPU."""
    return TARGETS.get(device.partition(":")[0], TARGETS["cpu"])
