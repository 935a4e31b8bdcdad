"""The primitive operations: their records, and the shape that each gives (language rule 3).

Signatures stand in specs/std/prelude.darts too, where they are explained; a test holds both together. What is added by
`register` is declared after that file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import Any

from dartsl.lang.records.counting import (
    attention_multiply_adds,
    attention_parameters,
    general_multiply_adds,
    general_weights,
    linear_parameters,
    norm_parameters,
    scale_and_shift,
    series_multiply_adds,
    series_weights,
    word_vectors,
)
from dartsl.lang.records.record import (
    ELEMENTWISE,
    MERGES,
    NO_TRAITS,
    Argument,
    ModuleSpec,
    Owner,
    Parameter,
    Primitive,
    Trait,
    matrix_size,
    no_multiply_adds,
    no_parameters,
)
from dartsl.lang.records.tensors import Pair, Tensor, strided
from dartsl.lang.records.widths import Width

PRIMITIVES: dict[str, Primitive] = {}


def register(primitive: Primitive) -> None:
    """Add a primitive to the language. Raises ValueError for a name that is taken.

    `dartsl.nn.builders.register` adds what computes it as well.
    """
    if primitive.name in PRIMITIVES or primitive.name in MERGES:
        raise ValueError(f"the name {primitive.name} is taken")
    PRIMITIVES[primitive.name] = primitive


def plugin(name: str, parameters: tuple[str, ...]) -> Primitive:
    """An `extern op` whose implementation is a plugin: it can stride, and gives the width of its parameter `out`, or
    C (language rule 5). What it learns and computes is not known, and counts as nothing."""
    return _primitive(
        name,
        signature=tuple(Parameter(each, "width" if each == "out" else "any") for each in parameters),
        width="out" if "out" in parameters else "asked",
        strides=_BOTH,
        traits=("opaque",),
        state=True,
    )


def plugin_kind(name: str) -> str:
    """The kind of a plugin's applications: the name of its operation, marked where a primitive has that name, as one of
    a later version of the language may."""
    return f"extern {name}" if name in PRIMITIVES else name


def called(kind: str) -> str:
    """The name by which a spec calls what has a kind."""
    return kind.rpartition(" ")[2]


def built_in(kind: str) -> Primitive | None:
    """The record of a primitive of the language, in any of its kinds; None for a plugin's."""
    return PRIMITIVES.get(kind) or GENERAL.get(kind) or SERIES.get(kind)


def owner(kind: str) -> Owner:
    """The record of a primitive, or of a merge; that of a plugin, where there is neither of the kind."""
    return built_in(kind) or MERGES.get(kind) or plugin(kind, ())


# ------------------------------------------------------------------------ records


def _primitive(name: str, *, traits: tuple[Trait, ...] = (), **facts: Any) -> Primitive:
    """A record of those below, which agree in the most: one input that keeps its width, without state or draws."""
    same: dict[str, Any] = {
        "inputs": 1,
        "state": False,
        "random": False,
        "traits": NO_TRAITS.union(traits),
        "builder": name,
        "signature": (),
        "takes": "any",
        "gives": "strided",
        "width": "kept",
        "strides": (False, False),
        "since": 1,
        "parameters": no_parameters,
        "multiply_adds": no_multiply_adds,
    }
    return Primitive(name=name, **(same | facts))


_K = Parameter("k", "kernel")


def _kernel(
    name: str,
    across: bool,
    down: bool,
    *,
    dense: bool = True,
    dilates: bool = True,
    k: Parameter = _K,
    more: tuple[Parameter, ...] = (),
) -> Primitive:
    """A convolution whose kernel has k pixels along each axis that it goes along, and strides along these."""

    def weights(spec: ModuleSpec) -> int:
        k = spec.number("k")
        return (matrix_size(spec) if dense else spec.in_shape[0]) * (k * k if across and down else k)

    def multiply_adds(spec: ModuleSpec, shape: tuple[int, ...]) -> int:
        return weights(spec) * prod(shape[1:])

    return _primitive(
        name,
        signature=(
            k,
            *((_OUT,) if dense else ()),
            *((Parameter("dilation", "dilation", "1"),) if dilates else ()),
            *more,
        ),
        takes="map",
        width="out" if dense else "kept",
        strides=(down, across),
        state=True,
        traits=("kernel", "convolution") if dense else ("kernel", "convolution", "depthwise"),
        parameters=weights,
        multiply_adds=multiply_adds,
    )


_BOTH = (True, True)
_OUT = Parameter("out", "width", "C")
_ELEMENTWISE: tuple[Trait, ...] = tuple(sorted(ELEMENTWISE))
_NORM: tuple[Trait, ...] = ("pointwise", "batch_norm", "normalises", "overwritable")

for each in (
    _primitive("none", width="asked", strides=_BOTH, traits=("zero", "anew")),
    _primitive("identity", traits=(*_ELEMENTWISE, "identity", "view")),
    _primitive("relu", traits=(*_ELEMENTWISE, "idempotent", "overwrites", "rectifies")),
    _primitive("sigmoid", traits=_ELEMENTWISE),
    _primitive("tanh", traits=_ELEMENTWISE),
    *(
        _primitive(name, traits=_ELEMENTWISE, since=2)
        for name in ("relu6", "silu", "gelu", "hard_swish", "hard_sigmoid")
    ),
    _primitive("noise", width="asked", strides=_BOTH, traits=("anew", "vectorwise"), random=True),
    _primitive("bn", takes="single", state=True, traits=_NORM, parameters=norm_parameters),
    _primitive("layer_norm", state=True, traits=("vectorwise", "fixed"), parameters=scale_and_shift, since=2),
    _primitive(
        "group_norm",
        signature=(Parameter("groups", "divisor"),),
        takes="single",
        state=True,
        traits=("fixed",),
        parameters=scale_and_shift,
        since=2,
    ),
    _primitive("mix_bn", takes="single", state=True, traits=(*_NORM, "mixing")),
    _kernel(
        "conv",
        across=True,
        down=True,
        k=Parameter("k", "patch"),
        more=(Parameter("groups", "divisor", "1", since=2),),
    ),
    _kernel("conv_across", across=True, down=False, dilates=False),
    _kernel("conv_down", across=False, down=True, dilates=False),
    _kernel("dwconv", across=True, down=True, dense=False),
    _primitive("max_pool", signature=(_K,), takes="map", strides=_BOTH, traits=("pool",)),
    _primitive("avg_pool", signature=(_K,), takes="map", strides=_BOTH, traits=("pool",)),
    _primitive("global_avg_pool", takes="map", gives="point"),
    _primitive("shift", signature=(Parameter("dy", "offset"), Parameter("dx", "offset")), takes="map"),
    _primitive(
        "linear",
        signature=(
            _OUT,
            Parameter("bias", "boolean", "true"),
            Parameter("share", "share", '""'),
            Parameter("tie", "tie", '""'),
        ),
        takes="linear",
        gives="vector",
        width="out",
        state=True,
        traits=("matrix", "vectorwise", "stackable"),
        parameters=linear_parameters,
        multiply_adds=lambda spec, shape: matrix_size(spec),  # a tied one too: the embedding has its numbers
    ),
    _primitive(
        "embedding",
        signature=(Parameter("vocab", "width"), _OUT, Parameter("dropout", "rate", "0")),
        takes="tokens",
        width="out",
        state=True,
        random=True,
        traits=("embedding",),
        parameters=word_vectors,
    ),
    _primitive(
        "dropout",
        signature=(Parameter("p", "rate"),),
        random=True,
        since=2,
    ),
    _primitive(
        "attention",
        signature=(Parameter("heads", "divisor"),),
        takes="places",
        width="asked",
        state=True,
        traits=("attends", "fixed"),
        parameters=attention_parameters,
        multiply_adds=attention_multiply_adds,
        since=2,
    ),
    _primitive(
        "position_embedding",
        takes="places",
        state=True,
        traits=("positions", "fixed"),
        parameters=lambda spec: prod(spec.in_shape),
        since=2,
    ),
    _primitive(
        "locked_dropout",
        signature=(Parameter("p", "rate"),),
        takes="vectors",
        random=True,
        traits=("vectorwise",),
    ),
):
    register(each)

BUILT_IN = frozenset(PRIMITIVES)


# ------------------------------------------------------------- general convolutions


# In groups, of patches (an even k, which is the stride), and along sequences: kinds of their own, so that no pass takes
# them for the convolutions that it knows.
GENERAL: dict[str, Primitive] = {
    f"general {name}": replace(
        PRIMITIVES[name],
        name=f"general {name}",
        builder=f"general {name}",
        takes="places",
        traits=frozenset({"convolution", "fixed"}),
        parameters=general_weights,
        multiply_adds=general_multiply_adds,
    )
    for name in ("conv", "dwconv")
}


def general(primitive: Primitive, tensor: Tensor, arguments: Iterable[tuple[str, Argument]]) -> Primitive:
    """The primitive, or its general kind where these arguments and this tensor need that."""
    given = dict(arguments)
    needed = tensor.is_sequence or given.get("groups", 1) != 1 or int(given.get("k", 1)) % 2 == 0
    return GENERAL.get(f"general {primitive.name}", primitive) if needed else primitive


# On a series, which is a map of one row: kernels of one row. Strides go down too, where they change nothing:
# ceil(1 / s) = 1. No pass knows depthwise kernels of one row.
_TRAITS_THERE: dict[str, tuple[Trait, ...]] = {
    "conv": ("kernel", "convolution"),
    "conv_across": ("kernel", "convolution"),
    "dwconv": ("convolution", "filters"),
    "general conv": ("convolution", "fixed"),
}
SERIES: dict[str, Primitive] = {
    f"series {name}": replace(
        (PRIMITIVES | GENERAL)[name],
        name=f"series {name}",
        builder=f"series {name}",
        traits=frozenset(traits),
        parameters=series_weights,
        multiply_adds=series_multiply_adds,
    )
    for name, traits in _TRAITS_THERE.items()
}


def on_series(
    kind: str, values: tuple[tuple[str, Argument], ...]
) -> tuple[str, tuple[tuple[str, Argument], ...]]:
    """What a primitive with some arguments is on a series: its kind there, and its arguments."""
    if kind == "shift":
        return kind, tuple((key, 0 if key == "dy" else value) for key, value in values)
    there = f"series {kind}"
    return there if there in SERIES else kind, values


def declarations(version: int) -> str:
    """The lines of a version's prelude for what was registered besides the built-in primitives."""
    added = [
        each.declaration(version)
        for name, each in PRIMITIVES.items()
        if name not in BUILT_IN and each.since <= version
    ]
    return "".join(f"\n{line}" for line in added) + ("\n" if added else "")


# -------------------------------------------------------------------------- rules


def decided_width(primitive: Primitive, asked: Width, out: Width | None) -> Width | None:
    """The width that a primitive gives whatever reaches it: its `out`, or the one that the body asks for; None where
    it keeps the width that reaches it."""
    return {"kept": None, "asked": asked, "out": out}[primitive.width]


def output(primitive: Primitive, tensor: Tensor, decided: Width | None, stride: Pair) -> Tensor:
    """The shape that a primitive gives; `decided` is its width (None: it keeps that of the tensor)."""
    width = tensor.width if decided is None else decided
    if primitive.gives == "point":
        return tensor.to(width, (1, 1))
    if primitive.gives == "vector":
        return Tensor(width, tensor.size if tensor.is_sequence else ())
    return tensor.to(width, strided(tensor.size, stride))


def even_pool(primitive: Primitive, k: Width) -> bool:
    """Whether this is a pool with an even kernel, which needs k = stride (no padding, ceil mode)."""
    return primitive.has("pool") and isinstance(k, Fraction) and k % 2 == 0
