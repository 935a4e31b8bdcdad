"""What the compiler knows of a kind of application: one record each, of a primitive, a merge or what a pass makes.

Whoever needs a fact about a kind asks its record, never its name. A record says everything: what it leaves out is an
error where it is written, not a default. `dartsl.lang.records.primitives` has the records of the language, and
`register`; `dartsl.graph.kinds` those of the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

Argument = int | float | bool | str
ParameterKind = Literal[
    "kernel", "patch", "dilation", "width", "divisor", "offset", "boolean", "rate", "share", "tie", "any"
]  # `patch`: a kernel that may be even, where it is the stride; `divisor`: of the widths that arrive and are given

Trait = Literal[
    # What it may be applied to in parts, each computed as it would be alone:
    "elementwise",  # numbers: one of each input gives one (with 1x1 maps broadcast)
    "pointwise",  # pixels, in any order: also where the statistics of all pixels count
    "vectorwise",  # the vectors of a sequence (T, B, C)
    "stackable",  # the vectors of a stack (j, B, C); an input that is the same for all may be (B, C)
    # What it gives:
    "identity",  # its input
    "alone",  # its input, where it has one input
    "idempotent",  # of what it gave, the same
    "zero",  # zeros
    "anew",  # something that depends on the shape of its input alone
    "opaque",  # what comes from outside, such as a plugin gives it: nothing is known of it
    "view",  # its input's memory: nothing is moved
    "rectifies",  # max(x, 0) of its input x
    "overwritable",  # what no gradient of its own reads
    "overwrites",  # what can be computed over its input, by the kind `<name>_in_place`
    # What it is:
    "adds",  # a sum, with weights or without
    "interpolates",  # a + t (b - a) of its inputs a, b, t
    "batch_norm",  # torch's batch norm of each channel: without parameters, all are alike
    "normalises",  # by the statistics of the batch, which move running ones: it is called with the pass
    "mixing",  # there only while the network has choices
    "matrix",  # a matrix on each vector, with a bias or without
    "embedding",  # a matrix whose rows are the vectors of words
    "positions",  # numbers for each place: no window may be longer than the one that it was made for
    "kernel",  # a convolution whose argument k is the side of its kernel
    "depthwise",  # one of each channel alone
    "filters",  # the same along one axis, which no pass knows
    "convolution",  # one call of a convolution of the library
    "pool",  # over windows of side k; an even k is its stride
    "attends",  # each place to others, by a way of torch's that may have no forward mode
    "fixed",  # what it has learnt cannot be made wider
    "mixes",  # it reads the mixing weights of the table that its attribute `table` names
]
Traits = frozenset[Trait]
ELEMENTWISE: Traits = frozenset({"elementwise", "pointwise", "vectorwise", "stackable"})
NO_TRAITS: Traits = frozenset()
_TRAITS = frozenset(get_args(Trait))


@dataclass(frozen=True)
class ModuleSpec:
    """Parameters that live at one path: what `dartsl.nn.builders` needs to build the module. Shapes without batch."""

    primitive: str
    arguments: tuple[tuple[str, Argument], ...]
    stride: tuple[int, int]
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]

    def argument(self, name: str) -> Argument:
        """Raises KeyError where it has no such argument."""
        return dict(self.arguments)[name]

    def number(self, name: str) -> int:
        """A whole number among the arguments. Raises TypeError for anything else."""
        value = self.argument(name)
        if not isinstance(value, int):
            raise TypeError(f"{self.primitive}: {name} is {value!r}, no whole number")
        return value


Parameters = Callable[[ModuleSpec], int]  # how many numbers a module learns
MultiplyAdds = Callable[
    [ModuleSpec, tuple[int, ...]], int
]  # of a module that gives a shape, for one image or word


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known of a kind.

    name     as in `Application.kind`
    inputs   how many it takes; None: any number from one on
    state    it uses parameters or buffers of modules
    random   it draws numbers
    traits   what may be done with it: see `Trait`
    builder  the name of what computes it, in the table of `dartsl.nn.builders`
    """

    name: str
    inputs: int | None
    state: bool
    random: bool
    traits: Traits
    builder: str

    def __post_init__(self) -> None:
        if self.traits - _TRAITS:
            raise ValueError(f"{self.name}: no traits {sorted(self.traits - _TRAITS)}")
        if "elementwise" in self.traits and not self.traits >= ELEMENTWISE:
            raise ValueError(f"{self.name}: elementwise, but not {sorted(ELEMENTWISE - self.traits)}")
        if "elementwise" in self.traits and (self.state or self.random):
            raise ValueError(f"{self.name}: elementwise, but with a state or draws")

    def has(self, *traits: Trait) -> bool:
        """Whether it has one of these traits."""
        return not self.traits.isdisjoint(traits)


@dataclass(frozen=True, kw_only=True)
class Owner(Record):
    """A kind that may own modules.

    parameters     how many numbers a module learns
    multiply_adds  of a module that gives a shape (without batch), for one image or word: those of convolutions and
                   matrices, as in DARTS
    """

    parameters: Parameters
    multiply_adds: MultiplyAdds


@dataclass(frozen=True, kw_only=True)
class Merge(Owner):
    """A merge of the language. In it `inputs` is how many branches or edges it takes.

    ordered  what it gives depends on the order of what it merges
    joins    its width is that of all that it merges together
    """

    ordered: bool
    joins: bool


class Parameter(NamedTuple):
    """A parameter of a primitive: `default` as the prelude writes it, None where it has to be given; `since`, the
    version of the language from which on it is there."""

    name: str
    kind: ParameterKind
    default: str | None = None
    since: int = 1


@dataclass(frozen=True, kw_only=True)
class Primitive(Owner):
    """A primitive of the language.

    signature  its parameters in order
    takes      the tensor that it needs: `linear` is a vector, a 1x1 map or each vector of a sequence, `vectors` a
               vector or a sequence, `single` a map or a vector, `places` a map or a sequence, `any` all but tokens
    gives      the size after it: `strided` that of its input by its stride, `point` 1x1, `vector` none (of a
               sequence: its length)
    width      of what it gives: that of its input (`kept`), the one that the body asks for (`asked`), or that of its
               parameter `out`
    strides    which axes (down, across) it can stride
    since      the version of the language from which on it is there
    """

    signature: tuple[Parameter, ...]
    takes: Literal["map", "any", "single", "linear", "vectors", "places", "tokens"]
    gives: Literal["strided", "point", "vector"]
    width: Literal["kept", "asked", "out"]
    strides: tuple[bool, bool]
    since: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.width == "out") != any(each.name == "out" for each in self.signature):
            raise ValueError(f"{self.name}: a width by `out` goes with a parameter `out`")

    @property
    def can_stride(self) -> bool:
        return any(self.strides)

    def declaration(self, version: int) -> str:
        """Its line in the prelude of a version."""
        given = [
            each.name if each.default is None else f"{each.name} = {each.default}"
            for each in self.signature
            if each.since <= version
        ]
        return f"extern op {self.name}" + (f"({', '.join(given)})" if given else "")

    def stride(self, asked: int, series: bool = False) -> tuple[int, int]:
        """The stride that it gives, (down, across), when asked for `asked`; on a series both are that across."""
        down, across = self.strides
        down = across if series else down
        return (asked if down else 1, asked if across else 1)


def no_parameters(spec: ModuleSpec) -> int:
    """Of what learns nothing."""
    return 0


def no_multiply_adds(spec: ModuleSpec, shape: tuple[int, ...]) -> int:
    """Of all but convolutions and matrices: DARTS does not count them."""
    return 0


def matrix_size(spec: ModuleSpec) -> int:
    """The numbers of a matrix between the widths of a module."""
    return spec.in_shape[0] * spec.out_shape[0]


def _merge(
    name: str,
    traits: Traits,
    *,
    inputs: int | None = None,
    state: bool = False,
    ordered: bool = False,
    joins: bool = False,
) -> Merge:
    return Merge(
        name=name, inputs=inputs, state=state, random=False, traits=traits, builder=name, ordered=ordered, joins=joins,
        parameters=matrix_size if state else no_parameters,
        multiply_adds=(lambda spec, shape: matrix_size(spec)) if state else no_multiply_adds,
    )  # fmt: skip


# `highway` merges the element and the carry of a recurrent cell, as a node, and owns a matrix (language rule 19).
MERGES: Mapping[str, Merge] = {
    each.name: each
    for each in (
        _merge("sum", ELEMENTWISE | {"alone", "adds"}),
        _merge("concat", frozenset({"pointwise", "vectorwise", "alone"}), ordered=True, joins=True),
        _merge("mean", ELEMENTWISE | {"alone"}),
        _merge("product", ELEMENTWISE | {"alone"}),
        _merge("lerp", ELEMENTWISE | {"interpolates"}, inputs=3, ordered=True),
        _merge("highway", NO_TRAITS, inputs=2, state=True, ordered=True),
    )
}


def heeds_order(merge: str | None) -> bool:
    """Whether what a merge gives depends on the order of what it merges."""
    return merge is not None and MERGES[merge].ordered
