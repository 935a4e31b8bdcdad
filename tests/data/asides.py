"""A stream beside that of the steps, on the CPU: what it makes can be read only once it was handed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

Value = TypeVar("Value")


class FakeAside:
    """Counts what it has `made` and `given`; numbers are spoilt in between."""

    def __init__(self, device: torch.device | str) -> None:
        self.made = self.given = 0

    def run(self, make: Callable[[], Value]) -> tuple[Value, Any]:
        value = make()
        self.made += 1
        tensors = [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
        event = [(tensor, tensor.clone()) for tensor in tensors]
        for tensor in tensors:
            tensor.fill_(77)
        return value, event

    def give(self, value: object, event: Any) -> None:
        self.given += 1
        for tensor, numbers in event:
            tensor.copy_(numbers)
