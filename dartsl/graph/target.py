"""What the passes need to know of the device that a network is compiled for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """One kind of device, as switches of the passes that depend on it.

    channels_last   images are kept with their channels together
    pixels_first    with them, a strided 1 x 1 convolution reads every stride-th pixel first
    space_to_batch  a dilated depthwise convolution runs undilated on the phases of the image
    narrow_depthwise  the weight gradient of a wide depthwise kernel is computed a few columns at a time
    stack_limit     numbers per image that applications side by side may read, or have, together
    measured        the choices rest on measurements; else on the count of operations alone
    """

    name: str
    channels_last: bool
    pixels_first: bool
    space_to_batch: bool
    narrow_depthwise: bool
    stack_limit: int
    measured: bool


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        # Two cores with AVX2, float32: see dartsl/graph/passes/README.md.
        Target(
            "cpu",
            channels_last=True,
            pixels_first=True,
            space_to_batch=True,
            narrow_depthwise=True,
            stack_limit=32768,
            measured=True,
        ),
        # Kernels are launched one by one there, so fewer operations win; space-to-batch and pixels first only add some.
        Target(
            "cuda",
            channels_last=True,
            pixels_first=False,
            space_to_batch=False,
            narrow_depthwise=False,
            stack_limit=1 << 30,
            measured=False,
        ),
    )
}


def target_of(device: str) -> Target:
    """The target of a torch device by its name (`cuda:1`). Anything that is not a CUDA device counts as the CPU."""
    return TARGETS.get(device.partition(":")[0], TARGETS["cpu"])
