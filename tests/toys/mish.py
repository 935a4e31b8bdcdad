"""A toy primitive without parameters: all that there is to say of it."""

from __future__ import annotations

from torch.nn import functional as F

from dartsl.lang.records.record import ELEMENTWISE, Primitive, no_multiply_adds, no_parameters
from dartsl.nn.builders import Function

RECORD = Primitive(
    name="mish",
    inputs=1,
    state=False,
    random=False,
    traits=ELEMENTWISE,
    builder="mish",
    signature=(),
    takes="any",
    gives="strided",
    width="kept",
    strides=(False, False),
    since=1,
    parameters=no_parameters,
    multiply_adds=no_multiply_adds,
)
BUILDER = Function(F.mish)
