"""What torch may have switched on around a call: none of it may change what dartsl computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import torch


@contextmanager
def default_dtype() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


SURROUNDINGS: Mapping[str, Callable[[], AbstractContextManager[object]]] = {
    "default dtype": default_dtype,
    "default device": lambda: torch.device("meta"),
    "no grad": torch.no_grad,
    "grad enabled by hand": lambda: torch.set_grad_enabled(False),
    "inference mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "deterministic": deterministic,
}
