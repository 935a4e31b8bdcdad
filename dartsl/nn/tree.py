"""The tree of modules under their names, and code of torch.fx as functions of it."""

from __future__ import annotations

from typing import Any

from torch import fx, nn

from dartsl.nn.lowered import Code, Lowered


def empty(name: str) -> Lowered:
    """A module that computes nothing yet. Given its code now, it would order its modules by their use."""
    return Lowered(nn.Module(), fx.Graph(), class_name=_class_name(name))


def function_from(code: fx.Graph) -> Code:
    """The code as a function of a module and its inputs."""
    made: Any = fx.GraphModule(nn.Module(), fx.Graph())
    made.graph = code
    function: Code = type(made).forward
    return function


def _class_name(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_") if part)


def attach(root: nn.Module, target: str, module: nn.Module) -> None:
    """Put a module at a dotted path below `root`, with plain modules for the levels between."""
    *levels, last = target.split(".")
    parent = root
    for level in levels:
        child = parent._modules.get(level)
        if child is None:
            child = nn.Module()
            _add(parent, level, child)
        parent = child
    _add(parent, last, module)


def _add(parent: nn.Module, name: str, child: nn.Module) -> None:
    """Put a module where python itself finds it: torch's look-up is slow, and a pass looks up some ten thousand."""
    parent.add_module(name, child)
    parent.__dict__[name] = child
