"""Values with tensors in them, such as batches and outcomes: the same values with other tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from torch import Tensor


def mapped(value: Any, change: Callable[[Tensor], Any]) -> Any:
    """A value with each tensor changed; tuples, named ones, lists, mappings and dataclasses are gone through."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(each, change) for each in value))
    if isinstance(value, tuple | list):
        return type(value)(mapped(each, change) for each in value)
    if isinstance(value, Mapping):
        return {name: mapped(each, change) for name, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        changed = {spec.name: mapped(getattr(value, spec.name), change) for spec in fields(value)}
        return replace(value, **changed)
    return value


def tensors_of(value: Any) -> Iterator[Tensor]:
    """The tensors in a value, in order."""
    found: list[Tensor] = []
    mapped(value, found.append)
    return iter(found)
