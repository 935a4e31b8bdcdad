"""The weights that a training begins with, where they are not fresh ones: another run's, or a file's. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Init:
    """Where a training's first weights are from, as `run.json` keeps it.

    path    the folder of a training, or a .safetensors file
    sha256  of the checkpoint, or of the file; None: it was not read yet
    fresh   the names of the head's tensors that are missing there or of another shape, and begin as fresh ones
    """

    path: str
    sha256: str | None = None
    fresh: list[str] = field(default_factory=list)
