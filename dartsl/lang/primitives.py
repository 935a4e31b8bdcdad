"""The primitive operations: what each can do, and the shape it gives (language rule 3).

Signatures stand in specs/std/prelude.darts; a test holds that file, this table and the modules together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from dartsl.lang.tensors import Pair, Tensor, strided
from dartsl.lang.widths import Symbolic, Width

Kind = Literal["kernel", "dilation", "width", "offset", "boolean", "rate", "share", "tie", "any"]

LARGEST_KERNEL = 255
LARGEST_WIDTH = 1_000_000


@dataclass(frozen=True)
class Primitive:
    """One primitive.

    `parameters` has the kind of each argument, in the order of the signature. `strides` says which axes
    (down, across) it can stride. `takes` is the kind of tensor that it needs: `linear` takes a vector, a 1x1 map
    or each vector of a sequence, `vectors` are a vector or a sequence, `any` is all but tokens. `state` says
    that it has parameters or buffers of its own, `random` that it draws numbers.
    """

    name: str
    parameters: tuple[tuple[str, Kind], ...] = ()
    strides: tuple[bool, bool] = (False, False)
    takes: Literal["map", "any", "linear", "vectors", "tokens"] = "any"
    state: bool = False
    random: bool = False

    @property
    def can_stride(self) -> bool:
        return any(self.strides)

    def stride(self, asked: int) -> Pair:
        """The stride that it gives, (down, across), when asked for `asked`."""
        down, across = self.strides
        return (asked if down else 1, asked if across else 1)


_BOTH = (True, True)
_K: tuple[str, Kind] = ("k", "kernel")
_OUT: tuple[str, Kind] = ("out", "width")
_DILATION: tuple[str, Kind] = ("dilation", "dilation")

PRIMITIVES: Mapping[str, Primitive] = {
    p.name: p
    for p in (
        Primitive("none", strides=_BOTH),
        Primitive("identity"),
        Primitive("relu"),
        Primitive("sigmoid"),
        Primitive("tanh"),
        Primitive("noise", strides=_BOTH, random=True),
        Primitive("bn", state=True),
        Primitive("mix_bn", state=True),
        Primitive("conv", (_K, _OUT, _DILATION), _BOTH, "map", state=True),
        Primitive("conv_across", (_K, _OUT), (False, True), "map", state=True),
        Primitive("conv_down", (_K, _OUT), (True, False), "map", state=True),
        Primitive("dwconv", (_K, _DILATION), _BOTH, "map", state=True),
        Primitive("max_pool", (_K,), _BOTH, "map"),
        Primitive("avg_pool", (_K,), _BOTH, "map"),
        Primitive("global_avg_pool", takes="map"),
        Primitive("shift", (("dy", "offset"), ("dx", "offset")), takes="map"),
        Primitive(
            "linear",
            (_OUT, ("bias", "boolean"), ("share", "share"), ("tie", "tie")),
            takes="linear",
            state=True,
        ),
        Primitive(
            "embedding",
            (("vocab", "width"), _OUT, ("dropout", "rate")),
            takes="tokens",
            state=True,
            random=True,
        ),
        Primitive("locked_dropout", (("p", "rate"),), takes="vectors", random=True),
    )
}

# `highway` merges the element and the carry of a recurrent cell, as a node, and owns a matrix (language rule 19).
MERGES = ("sum", "concat", "mean", "product", "lerp", "highway")
MERGE_ARITY = {"lerp": 3, "highway": 2}  # the others take any number


def plugin(name: str, parameters: tuple[str, ...]) -> Primitive:
    """An `extern op` whose implementation is a plugin: it can stride, and gives the width of its parameter `out`, or
    C (language rule 5)."""
    kinds: tuple[tuple[str, Kind], ...] = tuple((p, "width" if p == "out" else "any") for p in parameters)
    return Primitive(name, kinds, _BOTH, state=True)


def decided_width(primitive: Primitive, width: Width, out: Width | None) -> Width | None:
    """The width that a primitive gives whatever reaches it: its `out`, if it has one, or that of the body; None where
    it keeps the width that reaches it."""
    if out is not None:
        return out
    return width if primitive.name in ("none", "noise") or primitive.name not in PRIMITIVES else None


def output(primitive: Primitive, tensor: Tensor, decided: Width | None, stride: Pair) -> Tensor:
    """The shape that a primitive gives; `decided` is its width (None: it keeps that of the tensor)."""
    width = tensor.width if decided is None else decided
    if primitive.name == "global_avg_pool":
        return Tensor(width, (1, 1))
    if primitive.name == "linear":
        return Tensor(width, tensor.size if tensor.is_sequence else ())
    return Tensor(width, strided(tensor.size, stride))


def kernel_help(value: object) -> str:
    """What to write in place of a kernel that is not accepted."""
    if isinstance(value, Fraction) and value.denominator == 1 and 2 <= value < 16:
        return f"write {value - 1} or {value + 1}"
    return "kernels are odd numbers such as 3, 5 and 7; the kernel is the first argument"


def wanted(kind: Kind, value: object) -> str | None:
    """What would be accepted in place of `value`; None where it is fine (a symbol always is)."""
    if kind == "any" or isinstance(value, Symbolic):
        return None
    if kind == "boolean":
        return None if isinstance(value, bool) else "`true` or `false`"
    if kind in ("share", "tie"):
        accepted = {"share": "target", "tie": "stem"}[kind]
        return None if value in ("", accepted) else f'`"{accepted}"`'
    if kind == "rate":
        return None if isinstance(value, Fraction) and 0 <= value < 1 else "from 0 to less than 1"
    whole = isinstance(value, Fraction) and value.denominator == 1
    if kind == "width":
        return (
            None
            if whole and 1 <= _int(value) <= LARGEST_WIDTH
            else f"a whole number from 1 to {LARGEST_WIDTH:,}"
        )
    if kind == "offset":
        return (
            None
            if whole and abs(_int(value)) <= LARGEST_KERNEL
            else f"a whole number within {LARGEST_KERNEL}"
        )
    if whole and 1 <= _int(value) <= LARGEST_KERNEL:
        return None
    return f"a whole number from 1 to {LARGEST_KERNEL}"


def _int(value: object) -> int:
    return int(value) if isinstance(value, Fraction) else 0


def even_pool(primitive: Primitive, k: Width) -> bool:
    """Whether this is a pool with an even kernel, which needs k = stride (no padding, ceil mode)."""
    return primitive.name in ("max_pool", "avg_pool") and isinstance(k, Fraction) and k % 2 == 0
