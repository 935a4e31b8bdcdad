"""A layer, or a network of layers: a torch.fx module with the code that passes wrote and, beside it, the plain code.

Both run on the same modules, under the same names. The plain code (that of -O0) calls each of them, one by one, as any
module of torch is called. It runs where something must see that: where modules were hooked, replaced or changed
(dartsl/nn/watch.py), while torch.compile or torch.export records, within torch.func's transforms and
`make_fx`, and under hooks of all modules.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from operator import is_not
from typing import Any, Protocol
from weakref import WeakValueDictionary

import torch
from torch import fx, nn
from torch.fx import _symbolic_trace
from torch.nn.modules.batchnorm import _NormBase

from dartsl.lang.codes.diagnostics import UserError
from dartsl.nn.running import put_together
from dartsl.nn.watch import Baseline, Watch, at, hooked, hooked_everywhere, settle

Code = Callable[..., Any]


class Recipe(Protocol):
    """What a network can be lowered from again."""

    def lowered(self) -> Lowered:
        """The network, with modules that have no numbers."""

    def plainly(self) -> Recipe:
        """The same without passes."""


_LIVING: WeakValueDictionary[int, Lowered] = WeakValueDictionary()  # by id

# What belongs to the code of a layer: the same for every copy of it.
CODE = ("_plain", "_baseline", "_recipe", "_lineno_map", "_prologue_start", "_code")


class Lowered(fx.GraphModule):
    """What `dartsl.nn.lower` makes of a layer, and of a network.

    graph, code  what passes wrote; `plain` gives the network without them
    """

    _plain: Code | None = None
    _baseline: Baseline | None = None
    _together: tuple[Lowered, ...] = ()  # those whose code goes with that of the others alone
    _watch: Watch | None = None
    _recipe: Recipe | None = None
    _edited = False

    def __new__(cls, *args: Any, **named: Any) -> Lowered:
        made: Lowered = super().__new__(cls, *args, **named)
        _LIVING[id(made)] = made
        return made

    def recompile(self) -> Any:
        """Write the code anew from `graph`."""
        before = vars(self).get("_code")
        written = super().recompile()
        kind: Any = type(self)
        kind.written, kind.forward = kind.forward, _forward
        lowered = self._baseline is not None or self._recipe is not None
        if (
            lowered and self._code != before
        ):  # what a user has made of the graph stands for the plain code, too
            self._edited = True
            for each in self._together or (self,):
                each._plain = None
        return written

    def accompany(self, plain: Code | None, baseline: Baseline) -> None:
        """Say what the plain code is (None: the code itself), and what the code was written for."""
        self._plain, self._baseline = plain, baseline
        self._put_together()
        self._watch = Watch(self, baseline, sound=True) if baseline.modules else None

    def untouched(self) -> bool:
        """Whether its modules are as its code takes them to be. Of layers that work together: those of all."""
        return all(each.own_untouched() for each in self._together or (self,))

    def own_untouched(self) -> bool:
        """The same of this one alone."""
        if self._baseline is None or not self._baseline.modules:
            return True
        if self._watch is None:
            self._watch = Watch(self, self._baseline)
        return self._watch.untouched()

    def chosen(self) -> Code:
        """What to call many times in one pass: the code, where nothing asks for more than that."""
        if hooked(self) or _seen() or not self.untouched():
            return self
        written: Code = self.written  # type: ignore[assignment]
        return written

    def parts(self) -> dict[str, Any]:
        """What stands beside its code as methods, by name (`dartsl.nn.single.Part`)."""
        found: dict[str, Any] = vars(type(self)).get("_parts", {})
        return found

    def add_part(self, name: str, part: Any) -> None:
        """Let a method be called by its code. The class is that of this layer alone, as torch.fx makes them."""
        kind: Any = type(self)
        kind._parts = {**self.parts(), name: part}
        setattr(kind, name, part)

    def __deepcopy__(self, memo: dict[int, Any]) -> Lowered:
        twin: Lowered = type(self).__new__(type(self))
        memo[id(self)] = twin
        own = vars(self)
        shared = {name: own[name] for name in CODE if name in own}
        apart = {*shared, "_graph", "_watch", "meta"}
        rest = {name: value for name, value in own.items() if name not in apart}
        graph = copy.deepcopy(self._graph)
        vars(twin).update(copy.deepcopy(rest, memo), **shared, _graph=graph, meta=dict(self.meta))
        graph.owning_module = twin
        kind, mine = type(twin), type(self)
        kind.__name__ = mine.__name__
        for name in ("written", "forward"):
            setattr(kind, name, vars(mine)[name])
        for name, part in self.parts().items():
            twin.add_part(name, part)
        twin._put_together()
        return twin

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        before = list(self.buffers())
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if any(map(is_not, before, self.buffers())):  # elsewhere now: in another type, on another device
            self._put_together()
        return self

    def _put_together(self) -> None:
        """Let the running statistics that move together lie together."""
        baseline = self._baseline or Baseline({})
        for groups, merged in ((baseline.merged, True), (baseline.stacked, False)):
            for paths in groups:
                found = [at(self, path) for path in paths]
                modules = [module for module in found if isinstance(module, _NormBase)]
                if len(modules) == len(found):
                    put_together(modules, merged)

    def __reduce__(self) -> Any:
        recipe = self._recipe
        if recipe is None:
            raise UserError("a layer is pickled with its network alone", help="pickle the whole network")
        if any(isinstance(each, Lowered) and each._edited for each in (self, *self._modules.values())):
            raise UserError(
                "a network whose fx graph was edited cannot be pickled", help="save its `state_dict()`"
            )
        return _restored, (recipe, type(self).__name__), self._contents()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__reduce__()

    def plain(self) -> Lowered:
        """The network at -O0, on the very same modules. Raises UserError for a layer alone."""
        if self._recipe is None:
            raise UserError("a layer alone has no plain form", help="take that of the network")
        made = self._recipe.plainly().lowered()
        made.__setstate__(self._contents())
        return made

    def _contents(self) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """What of the network and of its layers is no code."""
        layers = {name: _state(layer) for name, layer in self._modules.items() if isinstance(layer, Lowered)}
        return _state(self), layers

    def __setstate__(self, state: Any) -> None:
        own, layers = state
        made = dict(self._modules)
        for name, values in layers.items():
            values.pop("_names")
            mine = vars(made[name])
            for child in [each for each, value in mine.items() if isinstance(value, nn.Module)]:
                del mine[child]  # those of the state take their places
            mine.update(values, _watch=None)
        named = own.pop("_names")
        given = own.pop("_modules")
        vars(self).update(own, _watch=None)
        self._modules = {name: made[name] if name in layers else given[name] for name in named}
        for layer in self._modules.values():
            if isinstance(layer, Lowered):
                layer._put_together()


def _forward(self: Lowered, *inputs: Any, **named: Any) -> Any:
    plain = self._plain
    if plain is not None and (_unwatched(self) or not self.untouched()):
        return plain(self, *inputs, **named)
    written: Any = self.written
    return written(*inputs, **named)


def _unwatched(self: Lowered) -> bool:
    seen = _seen()
    if seen:  # nothing has looked, then, at what lies in `_modules`
        _settle(id(self))
    return seen


def _settle(number: int) -> None:
    """`settle` of the layer with this id, which torch.compile leaves out of what it records. In torch 2.9 it takes
    a number as a constant, but no module."""
    settle(_LIVING[number])


# All that `torch.compiler.assume_constant_result` does, which would import torch's recorder: a second at every start.
vars(_settle)["_dynamo_marked_constant"] = True


def _seen() -> bool:
    """Whether each module has to be called, so that others see it."""
    if torch.compiler.is_compiling():  # as it is in an export, too
        return True
    functions: Any = torch._C._functorch  # torch leaves these without types
    traced = _symbolic_trace._is_fx_tracing_flag  # its reader has other names in older versions
    return bool(traced or functions.peek_interpreter_stack() is not None or hooked_everywhere())


def _state(layer: Lowered) -> dict[str, Any]:
    """What of a layer is no code: modules, hooks, what a user has set."""
    own = vars(layer)
    left = {*CODE, "_graph", "_watch", "_together", "meta", "_modules"}
    left |= {name for name, value in own.items() if isinstance(value, Lowered)}
    state = {name: value for name, value in own.items() if name not in left}
    modules = {name: each for name, each in layer._modules.items() if not isinstance(each, Lowered)}
    return {**state, "_modules": modules, "_names": tuple(layer._modules)}


def _restored(recipe: Any, name: str) -> Lowered:
    made: Lowered = recipe.lowered()
    type(made).__name__ = name
    return made
