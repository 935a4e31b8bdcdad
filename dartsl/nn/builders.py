"""What computes the kinds of application that their records name, in torch: one builder each.

`register` adds a primitive to dartsl: its record and its builder are all that there is to say of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import Application, Value
from dartsl.lang.records import primitives
from dartsl.lang.records.record import ModuleSpec, Primitive, Record
from dartsl.nn.draws import Draws

Call = Callable[..., Tensor]
# Where a function of torch is looked for by its name, and what the emitted text calls that module.
TORCH: Mapping[str, str] = {"torch.nn.functional": "F", "torch": "torch"}


def attributes(*names: str) -> Callable[[Application], dict[str, Value]]:
    """The keyword arguments of a function: the attributes of these names, those that an application has."""
    return lambda applied: {name: value for name, value in applied.attributes if name in names}


def _none(applied: Application) -> dict[str, Value]:
    return {}


@dataclass(frozen=True)
class Function:
    """A function of tensors, without state or draws. It must not write over what it is given.

    It has a place in an importable module, for the text of `compile --emit python`.
    """

    call: Call
    keywords: Callable[[Application], dict[str, Value]] = _none


@dataclass(frozen=True)
class Module:
    """A module with parameters or buffers, built from its spec on the CPU, in float32, from torch's own generator.

    Its class has a place in an importable module, and `extra_repr` gives the arguments that build one. `draws`, for
    what is random as well, gives a module its numbers for an application.
    """

    build: Callable[[ModuleSpec], nn.Module]
    draws: Callable[[nn.Module, Draws, Application], None] | None = None


@dataclass(frozen=True)
class Drawn:
    """A module without parameters that draws numbers by the key of an application; its first argument is `draws`.

    It is called with its inputs and, as `pass_`, the pass.
    """

    build: Callable[[Draws, Application], nn.Module]


Builder = Function | Module | Drawn
BUILDERS: dict[str, Builder] = {}


def provide(record: Record, builder: Builder) -> None:
    """Say what computes a kind of application.

    Raises ValueError for a builder that does not go with the record, or whose function has no importable name.
    """
    wanted = Module if record.state else Drawn if record.random else Function
    if not isinstance(builder, wanted):
        raise ValueError(f"{record.name} needs a {wanted.__name__}, not a {type(builder).__name__}")
    if isinstance(builder, Function):
        home(builder.call)
    if record.builder in BUILDERS:
        raise ValueError(f"there is a builder {record.builder} already")
    BUILDERS[record.builder] = builder


def register(primitive: Primitive, builder: Builder) -> None:
    """Add a primitive to the language, and what computes it. Raises ValueError as `provide` does, and for a name that
    is taken."""
    provide(primitive, builder)
    primitives.register(primitive)


def builder_of(applied: Application) -> Builder | None:
    """What computes an application; None for a plugin, and for a kind of `dartsl.nn.fused`."""
    return BUILDERS.get(kind_of(applied).builder)


def module_builder(primitive: str) -> Module | None:
    """What builds the modules of a primitive or merge; None for a plugin's."""
    found = BUILDERS.get(primitives.owner(primitive).builder)
    return found if isinstance(found, Module) else None


def function_of(applied: Application) -> tuple[Call, dict[str, Value]]:
    """The function of an application without state or draws, and its keyword arguments. Raises KeyError for others."""
    found = builder_of(applied)
    if not isinstance(found, Function):
        raise KeyError(applied.kind)
    return found.call, found.keywords(applied)


def home(thing: Any) -> str:
    """The module from which a function or a class can be imported by its name. Raises ValueError where none has it."""
    name = getattr(thing, "__name__", "")
    for module in (*TORCH, getattr(thing, "__module__", None) or ""):
        if getattr(sys.modules.get(module), name, None) is thing:
            return module
    raise ValueError(f"{thing!r} cannot be imported by its name")
