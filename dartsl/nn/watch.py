"""Whether the modules of a layer are still those that passes wrote its code for.

A pass puts convolutions side by side, lets one batch norm stand for several, and reads weights without calling the
modules that hold them. That holds while nobody has hooked, replaced or changed one of these modules on its own. What is
looked at here is all that torch offers for it: hooks, the class (parametrisations), what an instance has of its own
(settings, `forward`, tensors that a pruning puts there), its place in the tree, and its running statistics.

A pass may look thousands of times, so that the look is one comparison of dicts with copies of them, in C.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from operator import is_
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from torch.nn.modules.batchnorm import _NormBase

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
EVERYWHERE: tuple[Mapping[int, object], ...] = tuple(
    getattr(torch_module, f"_global{name}") for name in HOOKS
)
OF_TORCH = frozenset(vars(nn.Module()))  # what each module has: its tensors, modules and hooks
# Settings of a batch norm that code reads at each pass, of one for all that it stands for.
SHARED = ("training", "eps", "momentum", "track_running_stats")


@dataclass(frozen=True)
class Made:
    """A module as it was lowered: its class, its settings, and the names of the tensors that it has.

    called  the code calls it, with the pass: only its class counts
    """

    kind: type[nn.Module]
    settings: Mapping[str, Any]
    tensors: tuple[str, ...]
    children: tuple[str, ...]
    called: bool = False

    @classmethod
    def of(cls, module: nn.Module, called: bool = False) -> Made:
        shared = SHARED if isinstance(module, _NormBase) else ("training",)
        own = {k: v for k, v in vars(module).items() if k not in OF_TORCH and k not in shared}
        children = tuple(module._modules)
        settings = {name: value for name, value in own.items() if name not in children}
        return cls(type(module), settings, tuple(_tensors(module)), children, called)

    def holds(self, module: nn.Module) -> bool:
        """Whether a module is as it was made, and unhooked."""
        if self.called:
            return isinstance(module, self.kind)
        if type(module) is not self.kind or hooked(module):
            return False
        found = Made.of(module)
        same = found.settings.keys() == self.settings.keys() and found.children == self.children
        # In this order: a setting that was replaced by a tensor has no truth value.
        return same and found.tensors == self.tensors and _equal(found.settings, self.settings)


def hooked(module: nn.Module) -> bool:
    """Whether a call of a module would run hooks."""
    return any(getattr(module, name) for name in HOOKS)


def hooked_everywhere() -> bool:
    """Whether a call of any module would run hooks."""
    return any(EVERYWHERE)


def _equal(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    return not any(isinstance(value, Tensor) for value in ours.values()) and ours == theirs


def _tensors(module: nn.Module) -> Iterator[str]:
    """The parameters that there are; buffers of a batch norm may go, as long as they go alike."""
    yield from (name for name, value in module._parameters.items() if value is not None)


@dataclass(frozen=True)
class Baseline:
    """What a layer's code was written for.

    modules  by path in the layer, those that the code reads without calling them, or calls with the pass
    merged   paths of batch norms of which one stands for the others
    stacked  paths of batch norms side by side
    """

    modules: Mapping[str, Made]
    merged: tuple[tuple[str, ...], ...] = ()
    stacked: tuple[tuple[str, ...], ...] = ()


class Watch:
    """Looks at the modules of one layer. It holds no number of the network, and is made anew for a copy."""

    def __init__(self, layer: nn.Module, baseline: Baseline, sound: bool = False) -> None:
        """`sound`: the layer is as it was lowered, so that the first pass need not look."""
        self._layer = layer
        self._baseline = baseline
        self._sound = sound
        self._take()

    def untouched(self) -> bool:
        """Whether the code still computes what the modules say."""
        if self._sound and self._same():
            return True
        self._take()
        self._sound = self._look()
        return self._sound

    def _take(self) -> None:
        """Note how everything is now."""
        settle(self._layer)
        found = {path: at(self._layer, path) for path in self._baseline.modules}
        self._found = found
        modules = [module for module in found.values() if module is not None]
        made = self._baseline.modules
        read = [module for path, module in found.items() if module is not None and not made[path].called]
        trees = (module._modules for module in _parents(self._layer, found))
        self._live: list[dict[str, Any]] = [*map(vars, read), *trees]
        self._copies = [dict(each) for each in self._live]
        self._modules, self._kinds = modules, [type(module) for module in modules]
        self._hooks = [getattr(module, name) for module in read for name in HOOKS]
        self._tensors: list[dict[str, Any]] = [
            part for module in read for part in (module._parameters, module._buffers)
        ]
        self._absent = self._missing()
        self._buffers = [
            module._buffers
            for paths in self._baseline.merged
            for path in paths
            if isinstance(module := found[path], _NormBase)
        ]
        self._versions = self._now()

    def _same(self) -> bool:
        return (
            not any(self._hooks)
            and self._live == self._copies
            and list(map(type, self._modules)) == self._kinds
            and self._missing() == self._absent
            and self._now() == self._versions
        )

    def _missing(self) -> list[bool]:
        """Which parameters and buffers are None: a bias, or statistics, may be given or taken away later."""
        return list(map(is_, chain.from_iterable(map(dict.values, self._tensors)), repeat(None)))

    def _now(self) -> list[tuple[int, int]]:
        """Which running statistics these are, and how often they were written over from outside."""
        return [
            (id(buffer), buffer._version)
            for buffers in self._buffers
            for name in ("running_mean", "running_var")
            if (buffer := buffers.get(name)) is not None
        ]

    def _look(self) -> bool:
        """The whole look, module by module."""
        for path, made in self._baseline.modules.items():
            module = self._found[path]
            if module is None or not made.holds(module):
                return False
        groups = (*self._baseline.merged, *self._baseline.stacked)
        if not all(alike([self._found[path] for path in paths]) for paths in groups):
            return False
        return all(equal([self._found[path] for path in paths]) for paths in self._baseline.merged)


def alike(norms: Sequence[nn.Module | None]) -> bool:
    """Whether batch norms are set alike and have the same kinds of statistics."""
    first = norms[0]
    settings = [
        (*(getattr(norm, name) for name in SHARED), *_present(norm)) for norm in norms if norm is not None
    ]
    return first is not None and len(settings) == len(norms) and settings.count(settings[0]) == len(norms)


def _present(norm: nn.Module) -> tuple[bool, ...]:
    return tuple(buffer is not None for buffer in norm._buffers.values())


def equal(norms: Sequence[nn.Module | None]) -> bool:
    """Whether batch norms have the same running statistics."""
    first, *others = (norm for norm in norms if norm is not None)
    for name in ("running_mean", "running_var"):
        held = first._buffers.get(name)
        for other in others:
            value = other._buffers.get(name)
            if held is None or value is None or held.is_meta:
                continue
            if held.shape != value.shape or held.device != value.device or not torch.equal(held, value):
                return False
    return True


def at(layer: nn.Module, path: str) -> nn.Module | None:
    """The module at a path, as torch finds it; None where there is none."""
    module: nn.Module | None = layer
    for name in path.split("."):
        module = None if module is None else module._modules.get(name)
    return module


def _parents(layer: nn.Module, paths: Mapping[str, Any]) -> list[nn.Module]:
    """The modules in which the modules at these paths lie."""
    above = dict.fromkeys(path.rpartition(".")[0] for path in paths)
    levels = {path: None for full in above for path in _levels(full)}
    return [module for path in levels if (module := layer if not path else at(layer, path)) is not None]


def _levels(path: str) -> Iterator[str]:
    yield ""
    names = path.split(".") if path else []
    yield from (".".join(names[: end + 1]) for end in range(len(names)))


def settle(layer: nn.Module) -> None:
    """Let python find the modules that are there now, where others were put into `_modules` by hand."""
    for module in layer.modules():
        for name, child in module._modules.items():
            if child is not None and vars(module).get(name, child) is not child:
                vars(module)[name] = child
