"""Where the training batches of a search's epochs come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeVar

Step = TypeVar("Step", covariant=True)


class Steps(Protocol[Step]):
    """Iterate it for the batches that are left of the current epoch."""

    @property
    def step(self) -> int: ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Step]: ...

    def advance(self) -> None: ...
