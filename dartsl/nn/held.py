"""The parameters of a module, which are walked through again only where the tree or one of them is another."""

from __future__ import annotations

from itertools import chain
from operator import is_
from typing import Any

from torch import nn


class Held:
    """A walk through thousands of modules takes milliseconds; this looks, in C, whether all is as it was."""

    def __init__(self, root: nn.Module) -> None:
        self.root = root
        self._found: list[nn.Parameter] = []
        self._parts: list[dict[str, Any]] = []
        self._full: list[dict[str, Any]] = []  # the parts that are not empty
        self._known: list[Any] = []

    def current(self) -> list[nn.Parameter]:
        """The parameters, in order: those that the tree has now."""
        if not self._known or not self._same():
            self._found = list(self.root.parameters())
            self._parts = [part for each in self.root.modules() for part in (each._modules, each._parameters)]
            self._full = [part for part in self._parts if part]
            self._known = list(chain.from_iterable(map(dict.values, self._full)))
        return list(self._found)

    def _same(self) -> bool:
        now = chain.from_iterable(map(dict.values, self._full))
        return sum(map(len, self._parts)) == len(self._known) and all(map(is_, now, self._known))
