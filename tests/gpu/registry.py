"""What `python -m tests.gpu` runs: cases, each of several pieces that are run, fail and are reported one by one.

A case is a file in `tests/gpu/cases/` with a function like this one; nothing else has to know of it.

    @case(share=0.2)
    def parity(machine: Machine) -> Iterator[Piece]:
        for order in machine.choose(("1", "2"), small=1):
            yield f"order {order}", partial(compare, machine.device, order)

The function names its pieces and touches no device: it is asked in two processes. A piece gives a JSON record, or
raises where something is wrong.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from dartsl.lang.settings.values import SearchConfig

Piece = tuple[str, Callable[[], Any]]
Value = TypeVar("Value")
# Settings whose gain is measured, where this dartsl has them: off and on.
OPTIONS: Mapping[str, tuple[Any, Any]] = {"graphs": (False, True), "kernels": ("off", "auto")}


@dataclass(frozen=True)
class Machine:
    """Where cases run: a torch device; `small`, to try the cases themselves; a folder of images (None: drawn ones)."""

    device: str
    small: bool = False
    data: Path | None = None

    @property
    def on_gpu(self) -> bool:
        return self.device.startswith("cuda")

    def choose(self, values: Sequence[Value], small: int) -> Sequence[Value]:
        """All of some values, or the first few where all is to be small."""
        return values[:small] if self.small else values

    def variants(self) -> list[dict[str, Any]]:
        """Settings of -O2 that are compared: each way to switch on and off what `OPTIONS` names, all off first."""
        there = [name for name in OPTIONS if name in {field.name for field in fields(SearchConfig)}]
        both = product(*(OPTIONS[name] for name in there))
        return [dict(zip(there, values, strict=True)) for values in both]


@dataclass(frozen=True)
class Case:
    """`share` of the minutes are its own: pieces that do not fit into them are run at the end, if at all.

    fresh  its first piece begins a process
    """

    name: str
    pieces: Callable[[Machine], Iterator[Piece]]
    share: float
    fresh: bool = False


_CASES: dict[str, Case] = {}


def case(*, share: float, fresh: bool = False) -> Callable[[Callable[[Machine], Iterator[Piece]]], Case]:
    """Register a case by the name of its function."""

    def add(pieces: Callable[[Machine], Iterator[Piece]]) -> Case:
        found = Case(pieces.__name__, pieces, share, fresh)
        assert found.name not in _CASES, f"two cases are called {found.name}"
        _CASES[found.name] = found
        return found

    return add


def all_cases() -> dict[str, Case]:
    """Every case of `tests/gpu/cases/`, those with the largest share of the time first."""
    home = import_module("tests.gpu.cases")
    for module in sorted(found.name for found in pkgutil.iter_modules(home.__path__)):
        import_module(f"tests.gpu.cases.{module}")
    return dict(sorted(_CASES.items(), key=lambda item: (-item[1].share, item[0])))


def variant_name(settings: dict[str, Any]) -> str:
    """`graphs, no kernels`; empty where there is nothing to switch."""
    return ", ".join(name if value == OPTIONS[name][1] else f"no {name}" for name, value in settings.items())
