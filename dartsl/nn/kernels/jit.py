"""Triton's decorator, which compiles a kernel of its own for arguments that are 1 or divide by 16 only where asked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import triton


def jit(*specialised: str) -> Callable[[Callable[..., None]], Any]:
    """Numbers that are 1 or multiples of 16, and tensors that are aligned, make kernels of their own for the
    `specialised` arguments alone."""

    def decorated(function: Callable[..., None]) -> Any:
        given = inspect.signature(function).parameters
        plain = [name for name, each in given.items() if "constexpr" not in str(each.annotation)]
        return triton.jit(function, do_not_specialize=[name for name in plain if name not in specialised])

    return decorated
