"""A toy primitive with parameters, a number for each channel: all that there is to say of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dartsl.lang.records.record import ModuleSpec, Parameter, Primitive
from dartsl.nn.builders import Module


class Scale(nn.Module):
    """(B, C, H, W) times a number for each channel, `start` at first."""

    def __init__(self, channels: int, start: int) -> None:
        super().__init__()
        self.start = start
        self.weight = nn.Parameter(torch.full((channels,), float(start)))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight[:, None, None]

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, {self.start}"


def build(spec: ModuleSpec) -> nn.Module:
    return Scale(spec.in_shape[0], spec.number("start"))


RECORD = Primitive(
    name="scale",
    inputs=1,
    state=True,
    random=False,
    traits=frozenset({"pointwise"}),
    builder="scale",
    signature=(Parameter("start", "width", "2"),),
    takes="map",
    gives="strided",
    width="kept",
    strides=(False, False),
    since=1,
    parameters=lambda spec: spec.in_shape[0],
    multiply_adds=lambda spec, shape: shape[0] * shape[1] * shape[2],
)
BUILDER = Module(build)
